//! The update behind the passes, and what others than passes ask of the device.

use super::embedding::word_rows;
use super::squares::Squares;
use super::{Lanes, Plan, Training};
use crate::call::{Call, Grid};
use crate::input::InputSpans;
use crate::{Chunk, Lane, Program, Span};

/// Blocks of the kernels that walk over the table of chunks.
const CHUNK_BLOCKS: usize = crate::call::PROCESSORS * 4;

/// Records norm, clipping and AdamW.
#[must_use]
pub fn record_update(plan: &Plan<'_>, training: &Training<'_>, sums: Squares) -> Program {
    let mut lanes = Lanes::default();
    let state = training.state;
    if sums == Squares::Here {
        for number in 0..training.gradients.buckets.len() {
            let call = training.squares(number);
            lanes.launch(Lane::Main, format!("bucket {number}: squares"), call);
        }
        let call = training.squares_of_words(plan);
        lanes.launch(Lane::Main, "words: squares".to_owned(), call);
    }
    let clip = Call::new("clip", Grid::blocks([1, 1], 256).with_shared(256 * 8))
        .read(plan.step())
        .read(state.squares)
        .int(state.squares.bytes / 8)
        .read(training.gradients.totals)
        .double(state.max_norm)
        .int(usize::from(state.skips))
        .update(state.rates)
        .update(state.control)
        .write(state.results);
    lanes.launch(Lane::Main, "norm and clip factor".to_owned(), clip);
    lanes.side_follows();
    lanes.launch(Lane::Main, "AdamW".to_owned(), adamw(plan, training));
    let rows = word_rows(plan.words, "adamw_rows")
        .read(plan.step())
        .read(InputSpans::words_of(plan.input, plan.words))
        .read(training.gradients.parts.words)
        .word_table(*training, plan.weights.masters.words, plan.shape.width);
    lanes.launch(Lane::Side, "AdamW of word rows".to_owned(), rows);
    lanes.finish("update".to_owned())
}

fn adamw(plan: &Plan<'_>, training: &Training<'_>) -> Call {
    let state = training.state;
    let weights = dense_weights(plan, training);
    let written: Vec<Span> = weights.iter().copied().chain(copies(plan)).collect();
    let grid = Grid::blocks([chunks(state.chunks).clamp(1, CHUNK_BLOCKS), 1], 256);
    Call::typed("adamw", plan.arithmetic.element(), grid)
        .read(plan.step())
        .read(state.chunks)
        .int(chunks(state.chunks))
        .address(training.gradients.whole)
        .read(state.rates)
        .moments(state.constants)
        .read(state.control)
        .touching(&[training.gradients.dense()], &[])
        .touching(&weights, &written)
}

fn chunks(table: Span) -> usize {
    table.bytes / size_of::<Chunk>()
}

/// All weights that chunks name, with their moments.
fn dense_weights(plan: &Plan<'_>, training: &Training<'_>) -> Vec<Span> {
    let [first, second] = &training.state.moments;
    plan.weights.masters.dense().chain(first.dense()).chain(second.dense()).copied().collect()
}

fn copies<'a>(plan: &Plan<'a>) -> impl Iterator<Item = Span> + use<'a> {
    let blocks = plan.weights.copies.iter().flatten();
    blocks.flat_map(|block| [block.qkv, block.output, block.widen, block.narrow])
}

/// Records the copies of the weights: after the weights were written by others.
#[must_use]
pub fn record_copies(plan: &Plan<'_>, training: &Training<'_>) -> Program {
    let mut lanes = Lanes::default();
    let table = training.state.chunks;
    let grid = Grid::blocks([chunks(table).clamp(1, CHUNK_BLOCKS), 1], 256);
    let masters: Vec<Span> = plan.weights.masters.dense().copied().collect();
    let copies: Vec<Span> = copies(plan).collect();
    let call = Call::typed("copy_weights", plan.arithmetic.element(), grid)
        .read(table)
        .int(chunks(table))
        .touching(&masters, &copies);
    lanes.launch(Lane::Main, "copies of the weights".to_owned(), call);
    lanes.finish("copies".to_owned())
}

/// Records that all rows of the word table are brought up to date: before others read it.
#[must_use]
#[expect(clippy::cast_sign_loss, reason = "flags are bits")]
pub fn record_settle(plan: &Plan<'_>, training: &Training<'_>) -> Program {
    let mut lanes = Lanes::default();
    let (state, shape) = (training.state, plan.shape);
    let call = Call::new("settle_rows", Grid::block_rows(shape.vocabulary))
        .read(state.updates)
        .table_and_marks(*training, plan.weights.masters.words)
        .read(state.rates)
        .moments(state.constants)
        .read(state.control)
        .int(state.word_flags as usize)
        .int(shape.vocabulary)
        .int(shape.width);
    lanes.launch(Lane::Main, "word rows: settle".to_owned(), call);
    lanes.finish("settle".to_owned())
}
