//! What a newcomer's first command does.

use crate::bag_of_words::BagOfWords;
use crate::program::Workplace;

#[test]
fn the_bare_trainer_learns_what_a_bag_of_words_cannot() {
    let place = Workplace::new();
    let none: [&str; 0] = [];
    place.succeed(&none);
    let results = place.json("runs/quickstart/all_results.json");
    let accuracy = results["eval_accuracy"].as_f64().unwrap();
    let words = BagOfWords::trained().accuracy();
    let seconds = results["train_runtime"].as_f64().unwrap();
    println!("dev accuracy {accuracy:.4} after {seconds:.1} s; a bag of words reaches {words:.4}");
    assert!(accuracy >= 0.95, "dev accuracy {accuracy}");
    assert!(words < 0.90, "a bag of words reaches {words}: the task has become too easy");
}
