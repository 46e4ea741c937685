//! Predictions of DistilBERT-base beside those of the design, whose model is another program.

use lockstep_program::{
    Activation, Arithmetic, BatchExtent, Bucket, Card, Draft, DraftSettings, DropRates, Flop, Lane,
    Largest, ModelShape, Prediction, Scene, Squares,
};

use crate::recorded;

const BASE: ModelShape = ModelShape {
    vocabulary: 30_522,
    positions: 512,
    width: 768,
    heads: 12,
    feed_forward: 3072,
    blocks: 6,
    inner: 384,
    classes: 2,
    activation: Activation::Gelu,
    dropout: DropRates { hidden: 0.1, attention: 0.1, attention_output: 0.0, head: 0.3 },
    epsilon: 1e-12,
};

/// The pass and the update of a batch on an H200.
fn predicted(bucket: Bucket, words: usize, arithmetic: Arithmetic) -> [Prediction; 2] {
    let largest = Largest { training: bucket, words: bucket.rows.min(30_522) };
    let squares = Squares::InPass;
    let settings = DraftSettings { shape: BASE, arithmetic, largest, updates: 12_000, squares };
    let draft = Draft::new(settings).unwrap();
    let scene = Scene { shape: &BASE, arithmetic, bucket, words };
    [draft.pass(bucket), draft.update()]
        .map(|program| Prediction::of(&program, &scene, &Card::named("NVIDIA H200").unwrap()))
}

fn size(bucket: Bucket) -> BatchExtent {
    BatchExtent { tokens: bucket.rows, examples: bucket.batch, longest: bucket.longest }
}

fn near(found: f64, expected: f64, share: f64) -> bool {
    (found / expected - 1.0).abs() <= share
}

/// A row of the design's table: a bucket, words, milliseconds, TFLOP performed and of full blocks.
fn check(bucket: Bucket, words: usize, ms: f64, [performed, full]: [f64; 2]) {
    let [pass, update] = predicted(bucket, words, Arithmetic::Bf16);
    let total = (pass.us() + update.us()) / 1e3;
    let flop = Flop::of(&BASE, size(bucket));
    let side = pass.lane(Lane::Side).us + update.lane(Lane::Side).us;
    println!(
        "{bucket:?}: {total:.3} ms, the side lane {:.3} ms, {:.3} GB, {:.3} and {:.3} TFLOP",
        side / 1e3,
        (pass.sum.bytes + update.sum.bytes) / 1e9,
        flop.performed / 1e12,
        flop.full_blocks / 1e12
    );
    assert!(near(total, ms, 0.25), "{total} ms, in the design {ms}");
    assert!(near(pass.sum.flop, flop.performed, 1e-9), "{} and {flop:?}", pass.sum.flop);
    let found = [flop.performed, flop.full_blocks].map(|flop| flop / 1e12);
    assert!(near(found[0], performed, 0.1) && near(found[1], full, 0.1), "{found:?}");
}

#[test]
fn distilbert_takes_what_the_design_says() {
    let bucket = |rows, batch, longest| Bucket { rows, batch, longest };
    check(bucket(256, 16, 32), 256, 0.79, [0.06, 0.066]);
    check(bucket(400, 16, 32), 400, 0.82, [0.09, 0.10]);
    check(bucket(65_536, 512, 128), 14_000, 29.9, [14.85, 17.16]);
}

#[test]
fn launches_are_about_as_many_as_in_the_design() {
    let [pass, update] =
        predicted(Bucket { rows: 256, batch: 16, longest: 32 }, 256, Arithmetic::Bf16);
    let [main, side] = Lane::ALL.map(|lane| pass.lane(lane).launches + update.lane(lane).launches);
    println!("{main} launches on the main lane, {side} on the side lane");
    assert!((98..=118).contains(&main), "{main}");
    assert!((28..=54).contains(&side), "{side}");
}

#[test]
fn more_precise_products_take_longer() {
    let bucket = Bucket { rows: 256, batch: 16, longest: 32 };
    let us = [Arithmetic::Bf16, Arithmetic::Tf32, Arithmetic::F32].map(|arithmetic| {
        let [pass, update] = predicted(bucket, 256, arithmetic);
        pass.us() + update.us()
    });
    println!("bf16, TF32, f32: {us:?} us");
    assert!(us[0] < us[1] && us[1] < us[2], "{us:?}");
}

#[test]
fn no_program_is_faster_than_a_lane_of_it() {
    let (shape, bucket) = (&recorded::SHAPE, recorded::BUCKET);
    for arithmetic in [Arithmetic::F32, Arithmetic::Tf32, Arithmetic::Bf16] {
        let scene = Scene { shape, arithmetic, bucket, words: 50 };
        for program in recorded::all(arithmetic) {
            for card in Card::ALL {
                let found = Prediction::of(&program, &scene, &card);
                let [main, side] = Lane::ALL.map(|lane| found.lane(lane).us);
                assert!(found.path_us >= main.max(side), "{}", program.name);
                assert!(found.path_us <= main + side + 1e-6, "{}", program.name);
                assert!(found.us() <= found.sum.us + 1e-6, "{}", program.name);
                assert_eq!(found.costs.len(), program.ops().count());
            }
        }
    }
}
