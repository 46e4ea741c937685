//! The ranks of a node and one download.

use super::*;
use crate::program::Starter;
use server::send;

#[test]
fn one_rank_of_a_node_downloads_and_the_others_take_it_from_the_cache() {
    let store = store(Arc::new(AtomicBool::new(false)));
    let hub = hub(&store);
    let place = Workplace::new();
    let command = place.ranks(Starter::Launcher, 3, &line_of("out")).unwrap();
    let (code, told) = ended(asking(command, &place, &hub).spawn().unwrap());
    assert_eq!(code, Some(0), "{told}");
    let count = |name: &str| {
        let line = format!("/{name} http");
        hub.heads().iter().filter(|head| head.contains(&line)).count()
    };
    assert_eq!(["config.json", "tokenizer.json", "model.safetensors"].map(count), [1, 1, 1]);
    assert_eq!(place.metrics("out", "update").len(), 1);
}

#[test]
fn all_ranks_learn_why_one_of_them_cannot_download() {
    // The second answer never comes, so that the others wait when the first one fails.
    let hub = Server::start(|_, stream| {
        sleep(Duration::from_secs(3));
        let head = "403 No\r\nx-error-code: GatedRepo\r\n";
        send(stream, head, b"");
    });
    let place = Workplace::new();
    let command = place.ranks(Starter::Launcher, 3, &line_of("out")).unwrap();
    let start = Instant::now();
    let (code, told) = ended(asking(command, &place, &hub).spawn().unwrap());
    println!("{:?} {} requests\n{told}", start.elapsed(), hub.heads().len());
    assert_eq!(code, Some(6), "{told}");
    assert!(told.contains("access to the model is restricted"), "{told}");
}
