//! Predicted programs as a table, and as JSON.

use std::fmt::Write;

use lockstep_program::{Arithmetic, Bucket, Cost, Lane, Op, Prediction, Product, Program, Work};
use serde_json::{Value, json};

use super::predicted::Predicted;

/// The table of a run's most common update.
pub(super) fn table(predicted: &Predicted) -> String {
    let Predicted { plan, card, arithmetic, bucket, size, .. } = predicted;
    let mut text = format!(
        "program    {} on one {}, predicted; nothing was run\n",
        name(*arithmetic),
        card.name
    );
    for (share, name) in plan.buckets.iter().zip(["buckets"].into_iter().chain(blank())) {
        let part = 100.0 * share.passes as f64 / plan.passes as f64;
        let _ = writeln!(text, "{name:<10} {part:5.1} % of the passes: {}", sizes(share.bucket));
    }
    let _ = writeln!(
        text,
        "shown      {}, which hold {} tokens on average; {} distinct words",
        sizes(*bucket),
        size.tokens,
        plan.words
    );
    let width = labels(predicted).map(|label| label.chars().count()).max().unwrap_or_default();
    for (program, prediction) in &predicted.programs {
        let _ = writeln!(
            text,
            "\n{:<4}  {:<width$}  {:<34} {:>9} {:>9} {:>8}",
            "lane", program.name, "kernel or product", "MB", "GFLOP", "us"
        );
        for (op, cost) in program.ops().zip(&prediction.costs) {
            text += &row(op, cost, width);
        }
    }
    text + "\n" + &totals(predicted)
}

fn blank() -> impl Iterator<Item = &'static str> {
    std::iter::repeat("")
}

fn labels(predicted: &Predicted) -> impl Iterator<Item = &str> {
    let programs = predicted.programs.iter();
    programs.flat_map(|(program, _)| program.ops().map(|op| op.label.as_str()))
}

fn row(op: &Op, cost: &Cost, width: usize) -> String {
    let Cost { bytes, flop, us, .. } = cost;
    let gigas = if *flop > 0.0 { format!("{:.2}", flop / 1e9) } else { String::new() };
    format!(
        "{:<4}  {:<width$}  {:<34} {:>9.2} {gigas:>9} {us:>8.1}\n",
        lane(op.lane),
        op.label,
        work(&op.work),
        bytes / 1e6,
    )
}

/// What an update takes.
fn totals(predicted: &Predicted) -> String {
    let Predicted { card, passes, flop, .. } = predicted;
    let lane = |lane: Lane| {
        let launches = predicted.sum(|prediction| prediction.lane(lane).launches as f64);
        (launches, predicted.sum(|prediction| prediction.lane(lane).us) / 1e3)
    };
    let ((main, main_ms), (side, side_ms)) = (lane(Lane::Main), lane(Lane::Side));
    let ms = predicted.us() / 1e3;
    let rates = [flop.performed, flop.full_blocks].map(|flop| *passes as f64 * flop / ms / 1e9);
    let shares = rates.map(|rate| 100.0 * rate * 1e12 / card.dense_bf16);
    let moved = predicted.sum(|prediction| prediction.sum.bytes) / 1e9;
    let mut text = format!(
        "update     {passes} x pass, then the update: {ms:.2} ms\n\
         launches   {main} on the main lane ({main_ms:.2} ms), {side} on the side lane \
         ({side_ms:.2} ms)\n\
         bounds     {:.2} ms by the longest chain, {:.2} ms by memory and multipliers\n\
         work       {moved:.2} GB; {:.3} TFLOP performed, {:.3} TFLOP of all blocks in full\n\
         rate       {:.1} and {:.1} TFLOP/s, MFU {:.1} and {:.1} % of {:.0} TFLOP/s in bf16\n",
        predicted.sum(|prediction| prediction.path_us) / 1e3,
        predicted.sum(|prediction| prediction.sum.busy_us) / 1e3,
        *passes as f64 * flop.performed / 1e12,
        *passes as f64 * flop.full_blocks / 1e12,
        rates[0],
        rates[1],
        shares[0],
        shares[1],
        card.dense_bf16 / 1e12,
    );
    let memory = predicted.plan.draft.memory();
    let whole: usize = memory.iter().map(|(_, bytes)| bytes).sum();
    let _ = writeln!(text, "memory     {:.1} MB for the largest batch", whole as f64 / 1e6);
    for (name, bytes) in memory.iter().filter(|(_, bytes)| *bytes >= 100_000) {
        let _ = writeln!(text, "{:<10} {:>9.1} MB {name}", "", *bytes as f64 / 1e6);
    }
    text
}

/// The same as JSON.
pub(super) fn object(predicted: &Predicted) -> Value {
    let Predicted { plan, card, arithmetic, bucket, passes, programs, flop, .. } = predicted;
    let buckets: Vec<Value> = plan
        .buckets
        .iter()
        .map(|share| {
            let part = share.passes as f64 / plan.passes as f64;
            json!({ "bucket": sized(share.bucket), "share": part, "tokens": share.mean().tokens })
        })
        .collect();
    let memory: serde_json::Map<String, Value> =
        plan.draft.memory().into_iter().map(|(name, bytes)| (name, bytes.into())).collect();
    let [pass, update] = programs.each_ref().map(|(program, found)| of_program(program, found));
    json!({
        "card": card.name,
        "arithmetic": name(*arithmetic),
        "updates": plan.updates,
        "buckets": buckets,
        "bucket": sized(*bucket),
        "words": plan.words,
        "passes_per_update": passes,
        "pass": pass,
        "update": update,
        "us": predicted.us(),
        "flop_performed": flop.performed * *passes as f64,
        "flop_full_blocks": flop.full_blocks * *passes as f64,
        "memory_bytes": memory,
    })
}

fn of_program(program: &Program, prediction: &Prediction) -> Value {
    let ops = program.ops().zip(&prediction.costs).map(|(op, cost)| {
        json!({
            "lane": lane(op.lane), "op": op.label, "work": work(&op.work), "bytes": cost.bytes,
            "flop": cost.flop, "us": cost.us,
        })
    });
    let lanes = Lane::ALL.map(|which| {
        let total = prediction.lane(which);
        json!({ "lane": lane(which), "launches": total.launches, "us": total.us })
    });
    json!({
        "ops": ops.collect::<Vec<_>>(), "lanes": lanes, "path_us": prediction.path_us,
        "busy_us": prediction.sum.busy_us, "us": prediction.us(), "bytes": prediction.sum.bytes,
    })
}

fn sized(bucket: Bucket) -> Value {
    json!({ "rows": bucket.rows, "batch": bucket.batch, "longest": bucket.longest })
}

fn sizes(bucket: Bucket) -> String {
    let Bucket { rows, batch, longest } = bucket;
    format!("{rows} rows of {batch} texts up to {longest} tokens")
}

fn lane(lane: Lane) -> &'static str {
    match lane {
        Lane::Main => "main",
        Lane::Side => "side",
    }
}

fn name(arithmetic: Arithmetic) -> &'static str {
    match arithmetic {
        Arithmetic::F32 => "f32",
        Arithmetic::Tf32 => "tf32",
        Arithmetic::Bf16 => "bf16",
    }
}

fn work(work: &Work) -> String {
    match work {
        Work::Launch(launch) => launch.kernel.clone(),
        Work::Product(Product { left, right, addend, arithmetic, .. }) => {
            let ([rows, depth], [_, columns]) = (left.dims(), right.dims());
            let adds = if addend.is_some() { " +" } else { "" };
            format!("({rows},{depth}) x ({depth},{columns}){adds} {}", name(*arithmetic))
        }
    }
}
