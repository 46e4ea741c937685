//! A small model's plan over memory that is only numbers.

use lockstep_program::{
    Activation, Arithmetic, BlockCopies, Bucket, DropRates, Element, GradientArena, Memory,
    MicroBatch, ModelParts, ModelShape, Moments, PartNames, PassPurpose, Plan, Program, Region,
    Span, Squares, State, Training, WeightAndBias, Weights, record_copies, record_pass,
    record_settle, record_update,
};

pub(crate) const SHAPE: ModelShape = ModelShape {
    vocabulary: 100,
    positions: 64,
    width: 64,
    heads: 2,
    feed_forward: 128,
    blocks: 4,
    inner: 32,
    classes: 3,
    activation: Activation::Gelu,
    dropout: DropRates { hidden: 0.1, attention: 0.1, attention_output: 0.1, head: 0.3 },
    epsilon: 1e-12,
};

pub(crate) const BUCKET: Bucket = Bucket { rows: 64, batch: 16, longest: 32 };

/// What all programs of a model lie over.
pub(crate) struct Ground {
    memory: Memory,
    end: u64,
}

impl Ground {
    fn take(&mut self, name: &str, bytes: usize) -> Span {
        let region = Region { address: self.end, bytes };
        self.end += (bytes as u64).next_multiple_of(256);
        self.memory.add(name, region)
    }

    fn parts(&mut self, name: &str) -> ModelParts<Span> {
        let layers = ["q_lin", "k_lin", "v_lin", "out_lin", "norm", "lin1", "lin2", "output_norm"];
        let head = ["pre_classifier", "classifier"];
        let names = PartNames { blocks: "layer", layers, head };
        let find = |wanted: lockstep_program::Wanted<'_>| -> Result<Span, ()> {
            Ok(self.take(&format!("{name} {}", wanted.name), wanted.values * 4))
        };
        ModelParts::find(&SHAPE, &names, find).unwrap()
    }

    fn state(&mut self) -> State {
        State {
            moments: ["first", "second"].map(|name| self.parts(name)),
            constants: Moments::default(),
            max_norm: 1.0,
            skips: false,
            word_flags: 0,
            control: self.take("control", State::CONTROL_BYTES),
            results: self.take("results", State::RESULTS_BYTES),
            rates: self.take("rates", State::rates_bytes(10)),
            chunks: self.take("chunks", 48 * 100),
            squares: self.take("squares", State::squares_bytes(SHAPE.blocks)),
            applied: self.take("applied", SHAPE.vocabulary * 4),
            seen: self.take("seen", SHAPE.vocabulary),
            updates: self.take("updates", 4),
        }
    }
}

/// The words of the largest batch.
pub(crate) const WORDS: usize = 50;

/// Memory, and where its first buffer has the gradients.
fn ground() -> (Ground, GradientArena) {
    let mut ground = Ground { memory: Memory::default(), end: 256 };
    let arena = ground.take("gradients", GradientArena::bytes(&SHAPE, WORDS));
    (ground, GradientArena::new(&SHAPE, WORDS, arena))
}

/// Where all programs have their gradients.
pub(crate) fn gradients() -> GradientArena {
    ground().1
}

/// Every program of a model.
pub(crate) fn all(arithmetic: Arithmetic) -> Vec<Program> {
    let (mut ground, gradients) = ground();
    let masters = ground.parts("weight");
    let copies = (arithmetic.element() == Element::Bf16).then(|| {
        let bytes = BlockCopies::bytes(&SHAPE) * SHAPE.blocks;
        BlockCopies::all(&SHAPE, ground.take("copies", bytes))
    });
    let weights = Weights { masters, copies };
    let state = ground.state();
    let (input, activations) = (ground.take("input", 1 << 20), ground.take("states", 1 << 24));
    let shape = &SHAPE;
    let plan = Plan { shape, arithmetic, weights: &weights, input, words: WORDS, activations };
    let training = Training { gradients: &gradients, state: &state };
    let (alone, among) = (Some(Squares::InPass), Some(Squares::Here));
    let kinds = [(false, None), (false, alone), (true, alone), (false, among), (true, among)];
    let passes = kinds.map(|(adds, last)| {
        let micro_batch = MicroBatch { adds, last };
        record_pass(&plan, BUCKET, PassPurpose::Train { training, micro_batch })
    });
    let mut programs = Vec::from(passes);
    programs.extend([Squares::InPass, Squares::Here].map(|s| record_update(&plan, &training, s)));
    programs.push(record_copies(&plan, &training));
    programs.push(record_settle(&plan, &training));
    if arithmetic == Arithmetic::F32 {
        programs.push(record_pass(&plan, BUCKET, PassPurpose::Evaluate));
    }
    programs
}

#[test]
fn gradients_are_contiguous_where_one_operation_writes_several() {
    let gradients = gradients();
    let follow = |spans: &[Span]| spans.windows(2).all(|pair| pair[0].range().end == pair[1].start);
    for block in &gradients.parts.blocks {
        let qkv = [&block.query, &block.key, &block.value];
        assert!(follow(&qkv.map(|layer: &WeightAndBias<Span>| layer.weight)));
        assert!(follow(&qkv.map(|layer| layer.bias)));
        let norm = |layer: &WeightAndBias<Span>, norm: &WeightAndBias<Span>| {
            assert!(follow(&[layer.bias, norm.weight, norm.bias]));
        };
        norm(&block.output, &block.attention_norm);
        norm(&block.narrow, &block.feed_forward_norm);
    }
    assert!(follow(&[gradients.parts.norm.weight, gradients.parts.norm.bias]));
    assert!(follow(&gradients.buckets), "buckets cover all but totals and words");
    assert_eq!(gradients.dense().range().end, gradients.buckets.last().unwrap().range().end);
}

#[test]
fn sums_cover_all_that_an_update_reads_without_a_gap() {
    let gradients = gradients();
    for words in [0, 1, WORDS] {
        let sums = gradients.sums(words, SHAPE.width);
        assert_eq!(sums.len(), SHAPE.blocks + 2);
        assert_eq!(sums[0].start, gradients.whole.start);
        assert!(sums.windows(2).all(|pair| pair[0].range().end == pair[1].start));
        let rows = gradients.parts.words.start + words * SHAPE.width * 4;
        assert_eq!(sums.last().unwrap().range().end, rows);
        assert!(gradients.totals.range().end <= rows, "the totals are summed, too");
    }
}
