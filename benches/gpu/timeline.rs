//! Each operation of an update, one after the other: what the time goes to.

use std::fmt::Write;
use std::fs;

use lockstep_gpu::Graphs;
use lockstep_program::Arithmetic;

use crate::batches::largest;
use crate::clocked::{Clocked, Micros, Times};
use crate::options::Options;
use crate::setup::{BASE, replica};
use crate::update::{Material, materials};
use crate::{Outcome, median, need_gpu, open};

/// Updates that are timed behind as many that are not.
const UPDATES: usize = 7;
/// Rows that are shown here.
const SHOWN: usize = 12;

pub(crate) fn measure(options: &Options) -> Outcome<()> {
    need_gpu()?;
    let mut table =
        "update\tprogram\tplace\tlane\toperation\tkernel\tus\tpredicted us\n".to_owned();
    for material in materials(options)? {
        let name = format!("{}, bf16", material.name);
        if options.wants(&name) {
            let times = times(&material)?;
            report(&name, &times);
            write(&mut table, &name, &times)?;
        }
    }
    match &options.out {
        Some(path) => fs::write(path, table)?,
        None => print!("{table}"),
    }
    Ok(())
}

/// Of updates with the batch whose size is the middle one.
fn times(material: &Material) -> Outcome<Times> {
    let mut texts = material.texts();
    texts.sort_by_key(|texts| texts.size().tokens);
    let texts = &texts[texts.len() / 2..=texts.len() / 2];
    let largest = largest(texts);
    let size = (largest.training, largest.words);
    let machine = Clocked::new(open(Graphs::Off)?, Arithmetic::Bf16, size)?;
    let mut replica = replica(machine, BASE, Arithmetic::Bf16, largest)?;
    for update in 0..2 * UPDATES {
        if update == UPDATES {
            replica.machine().take();
        }
        replica.pass(&texts[0].batch(update))?;
        replica.update()?;
    }
    Ok(replica.machine().take())
}

fn report(name: &str, times: &Times) {
    let mut rows: Vec<(f64, String)> = Vec::new();
    let (mut kernels, mut products, mut predicted) = (0.0, 0.0, 0.0);
    for (label, micros) in times {
        let measured = median(micros.measured.clone());
        let kind = if label.kernel.starts_with('(') { &mut products } else { &mut kernels };
        *kind += measured;
        predicted += micros.predicted.unwrap_or_default();
        let what = format!("{} ({}, {})", label.label, label.kernel, label.lane);
        rows.push((measured, format!("{what} | {measured:.1} | {}", in_words(micros))));
    }
    println!(
        "\n{name}: {} operations, one after the other {:.0} us: products {products:.0}, kernels \
         {kernels:.0}; predicted {predicted:.0}\n\n| operation | us | predicted |\n|---|---|---|",
        rows.len(),
        products + kernels,
    );
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (_, row) in rows.iter().take(SHOWN) {
        println!("| {row} |");
    }
}

fn in_words(micros: &Micros) -> String {
    micros.predicted.map_or_else(String::new, |predicted| format!("{predicted:.1}"))
}

fn write(table: &mut String, name: &str, times: &Times) -> Outcome<()> {
    for (label, micros) in times {
        let measured = median(micros.measured.clone());
        let (program, place, lane) = (&label.program, label.place, label.lane);
        writeln!(
            table,
            "{name}\t{program}\t{place}\t{lane}\t{}\t{}\t{measured:.2}\t{}",
            label.label,
            label.kernel,
            in_words(micros),
        )?;
    }
    Ok(())
}
