//! The median update of DistilBERT-base: how many tokens a second, and how much of the card that is.

use std::time::Instant;

use lockstep_gpu::{CudaMachine, Graphs};
use lockstep_program::{Machine, Replica};

use crate::batches::{Texts, draw_batches, largest, lengths};
use crate::options::Options;
use crate::setup::{ARITHMETICS, BASE, replica};
use crate::work::Work;
use crate::{Outcome, median, need_gpu, open};

/// What a row trains on, over and over.
pub(crate) struct Material {
    pub(crate) name: &'static str,
    /// The lengths of each batch's texts.
    pub(crate) lengths: Vec<Vec<usize>>,
    /// Updates between two looks at the clock.
    window: usize,
}

/// Batches like the recipe's, and large full ones.
pub(crate) fn materials(options: &Options) -> Outcome<[Material; 2]> {
    let lengths = lengths(options.lengths.as_deref())?;
    let sentences = draw_batches(&lengths, 16, 64);
    Ok([
        Material { name: "16 of SST-2", lengths: sentences, window: 32 },
        Material { name: "512 x 128", lengths: vec![vec![128; 512]], window: 2 },
    ])
}

impl Material {
    pub(crate) fn texts(&self) -> Vec<Texts> {
        let numbered = self.lengths.iter().zip(0..);
        numbered.map(|(lengths, seed)| Texts::new(lengths, BASE.vocabulary, 100 + seed)).collect()
    }

    /// FLOP of a mean batch, in units of 10^12.
    fn work(&self) -> Work {
        let all: Vec<usize> = self.lengths.concat();
        let (whole, count) = (Work::of(&BASE, &all), self.lengths.len() as f64);
        Work { performed: whole.performed / count, nominal: whole.nominal / count }
    }

    fn tokens(&self) -> f64 {
        self.lengths.iter().flatten().sum::<usize>() as f64 / self.lengths.len() as f64
    }
}

/// What a row found.
struct Row {
    name: String,
    /// Of an update.
    seconds: f64,
    /// Of the host, until it has started an update.
    host: f64,
    /// Bytes that the replica has on the card, and all that is taken there.
    memory: [f64; 2],
}

pub(crate) fn measure(options: &Options) -> Outcome<()> {
    need_gpu()?;
    println!(
        "| update | ms | host ms | tokens/s | share of {} TFLOP/s, performed | six blocks | GiB | GiB \
         taken on the card |\n|---|---|---|---|---|---|---|---|",
        options.roof
    );
    for material in materials(options)? {
        for (precision, arithmetic) in ARITHMETICS {
            for (how, graphs) in [("graphs", Graphs::On), ("no graphs", Graphs::Off)] {
                let name = format!("{}, {precision}, {how}", material.name);
                if options.wants(&name) {
                    let mut run = Run::new(&material, replica_of(&material, arithmetic, graphs)?);
                    run.measure(name, options)?.print(&material, options.roof);
                }
            }
        }
    }
    Ok(())
}

fn replica_of(
    material: &Material,
    arithmetic: lockstep_program::Arithmetic,
    graphs: Graphs,
) -> Outcome<Replica<CudaMachine>> {
    let largest = largest(&material.texts());
    Ok(replica(open(graphs)?, BASE, arithmetic, largest)?)
}

/// A replica that goes through the batches.
struct Run<'a> {
    material: &'a Material,
    texts: Vec<Texts>,
    replica: Replica<CudaMachine>,
    updates: usize,
}

impl<'a> Run<'a> {
    fn new(material: &'a Material, replica: Replica<CudaMachine>) -> Self {
        Self { material, texts: material.texts(), replica, updates: 0 }
    }

    /// Seconds of each update in a window, and those of the host.
    fn window(&mut self) -> Outcome<[f64; 2]> {
        let began = Instant::now();
        for _ in 0..self.material.window {
            let texts = &self.texts[self.updates % self.texts.len()];
            self.replica.pass(&texts.batch(self.updates))?;
            self.replica.update()?;
            self.updates += 1;
        }
        let started = began.elapsed().as_secs_f64();
        let mark = self.replica.machine().mark()?;
        self.replica.machine().wait(mark)?;
        Ok([started, began.elapsed().as_secs_f64()].map(|all| all / self.material.window as f64))
    }

    fn measure(&mut self, name: String, options: &Options) -> Outcome<Row> {
        // Each bucket runs once, is captured the second time, and is a graph from then on.
        let warm_up = (3 * self.texts.len()).div_ceil(self.material.window);
        for _ in 0..warm_up {
            self.window()?;
        }
        let windows: Vec<[f64; 2]> =
            (0..options.rounds).map(|_| self.window()).collect::<Outcome<_>>()?;
        let result = self.replica.results(self.updates as u64 - 1, 1)?[0];
        if !result.loss.is_finite() || result.update as usize + 1 != self.updates {
            return Err(format!("{name}: the last update reported {result:?}").into());
        }
        let memory = self.replica.machine().card_memory()?;
        Ok(Row {
            name,
            host: median(windows.iter().map(|window| window[0]).collect()),
            seconds: median(windows.iter().map(|window| window[1]).collect()),
            memory: [memory.own, memory.used].map(|bytes| bytes as f64 / f64::from(1 << 30)),
        })
    }
}

impl Row {
    fn print(&self, material: &Material, roof: f64) {
        let Self { name, seconds, host, memory: [own, used] } = self;
        let (work, tokens) = (material.work(), material.tokens() / seconds);
        let share = |work: f64| 100.0 * work / seconds / roof;
        println!(
            "| {name} | {:.3} | {:.3} | {tokens:.0} | {:.1} % | {:.1} % | {own:.2} | {used:.2} |",
            seconds * 1e3,
            host * 1e3,
            share(work.performed),
            share(work.nominal),
        );
    }
}
