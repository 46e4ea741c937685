//! Operations on two lanes, and the signals between them.

use crate::call::Call;
use crate::{Item, Lane, Op, Product, Program, Work};

/// A program in the making.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    program: Program,
}

/// A point that a lane has come to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event(usize);

impl Lanes {
    pub(crate) fn launch(&mut self, lane: Lane, label: String, call: Call) {
        let Call { launch, reads, writes } = call;
        self.op(Op { label, lane, work: Work::Launch(launch), reads, writes });
    }

    pub(crate) fn product(&mut self, lane: Lane, label: String, product: Product) {
        let factors = [product.left.matrix().span, product.right.matrix().span];
        let reads = factors.into_iter().chain(product.addend.map(|addend| addend.span)).collect();
        let writes = vec![product.out.span];
        self.op(Op { label, lane, work: Work::Product(product), reads, writes });
    }

    fn op(&mut self, op: Op) {
        self.program.items.push(Item::Op(Box::new(op)));
    }

    /// Marks where `lane` is now.
    pub(crate) fn signal(&mut self, lane: Lane) -> Event {
        let event = self.program.events;
        self.program.events += 1;
        self.program.items.push(Item::Signal { lane, event });
        Event(event)
    }

    /// Lets `lane` continue only after the event.
    pub(crate) fn wait(&mut self, lane: Lane, event: Event) {
        self.program.items.push(Item::Wait { lane, event: event.0 });
    }

    /// Lets the side lane continue from where the main lane is now.
    pub(crate) fn side_follows(&mut self) {
        let event = self.signal(Lane::Main);
        self.wait(Lane::Side, event);
    }

    /// Lets the main lane continue from where the side lane is now.
    pub(crate) fn main_follows(&mut self) {
        let event = self.signal(Lane::Side);
        self.wait(Lane::Main, event);
    }

    pub(crate) fn complete(&mut self, bucket: usize) {
        self.program.items.push(Item::Complete { bucket });
    }

    pub(crate) fn finish(mut self, name: String) -> Program {
        self.program.name = name;
        self.program
    }
}
