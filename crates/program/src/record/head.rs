//! The head and the loss, in f32: forward, and in training backward.

use super::backward::Backward;
use super::{Recorder, Site, Sum};
use crate::buffers::HeadBuffers;
use crate::call::{Call, Grid};
use crate::shape::Activation;
use crate::{Arithmetic, Element, Factor, Lane, Matrix};

fn floats(span: crate::Span, rows: usize, columns: usize) -> Matrix {
    Matrix::new(span, Element::F32, [rows, columns])
}

/// The hidden layer before its bias, (batch, I).
fn hidden(recorder: &mut Recorder<'_>) {
    let HeadBuffers { states, hidden, .. } = recorder.buffers.head;
    let (batch, shape) = (recorder.bucket.batch, recorder.plan.shape);
    if recorder.element() == Element::Bf16 {
        let values = batch * shape.width;
        let grid = Grid::blocks([values.div_ceil(2048), 1], 256);
        let out = recorder.buffers.last.half.out;
        let widened = Call::new("to_f32", grid).read(out).write(states).int(values);
        recorder.launch("head: states in f32", widened);
    }
    let weight = floats(recorder.plan.weights.masters.hidden.weight, shape.inner, shape.width);
    let product = Sum {
        left: Factor::Plain(floats(states, batch, shape.width)),
        right: Factor::Transposed(weight),
        addend: None,
        out: floats(hidden, batch, shape.inner),
    };
    recorder.head_product("head: hidden", product);
}

/// The call of `head_loss` or `head_logits` up to the labels.
fn call(recorder: &Recorder<'_>, kernel: &str) -> Call {
    let (shape, masters) = (recorder.plan.shape, &recorder.plan.weights.masters);
    let shared = (shape.inner + shape.classes) * 4 + 64;
    Call::new(kernel, Grid::blocks([recorder.bucket.batch, 1], 128).with_shared(shared))
        .read(recorder.input.step)
        .read(recorder.buffers.head.hidden)
        .read(masters.hidden.bias)
        .read(masters.classifier.weight)
        .read(masters.classifier.bias)
        .read(recorder.input.labels)
}

impl Recorder<'_> {
    fn head_product(&mut self, label: &str, sum: Sum) {
        self.lanes.product(Lane::Main, label.to_owned(), sum.product(Arithmetic::F32));
    }

    fn activation(&self) -> usize {
        match self.plan.shape.activation {
            Activation::Gelu => 0,
            Activation::Relu => 1,
            Activation::Tanh => 2,
        }
    }
}

/// Logits and losses of an evaluation.
pub(super) fn logits(recorder: &mut Recorder<'_>) {
    hidden(recorder);
    let HeadBuffers { logits, losses, .. } = recorder.buffers.head;
    let shape = recorder.plan.shape;
    let call = call(recorder, "head_logits")
        .int(recorder.activation())
        .write(logits)
        .write(losses)
        .int(recorder.bucket.batch)
        .int(shape.inner)
        .int(shape.classes);
    recorder.launch("head: logits and losses", call);
}

impl Backward<'_> {
    /// The loss, and the gradient of the encoder's result in `dx`.
    pub(super) fn head(&mut self) {
        hidden(&mut self.recorder);
        let head = self.recorder.buffers.head;
        let (batch, shape) = (self.recorder.bucket.batch, self.recorder.plan.shape);
        let loss = call(&self.recorder, "head_loss")
            .dropout(self.recorder.drop_at(Site::Head))
            .int(self.recorder.activation())
            .write(head.active)
            .write(head.logits)
            .write(head.losses)
            .write(head.dlogits)
            .write(head.dhidden)
            .int(batch)
            .int(shape.inner)
            .int(shape.classes);
        self.recorder.launch("head: loss and its gradient", loss);
        self.recorder.lanes.side_follows();
        self.head_weights();
        let weight = self.recorder.plan.weights.masters.hidden.weight;
        let dx = self.buffers.dx;
        let is_f32 = self.recorder.element() == Element::F32;
        let out = if is_f32 { dx } else { head.dstates };
        let product = Sum {
            left: Factor::Plain(floats(head.dhidden, batch, shape.inner)),
            right: Factor::Plain(floats(weight, shape.inner, shape.width)),
            addend: None,
            out: floats(out, batch, shape.width),
        };
        self.recorder.head_product("head: hidden, input gradient", product);
        if !is_f32 {
            let values = batch * shape.width;
            let grid = Grid::blocks([values.div_ceil(2048), 1], 256);
            let dx = self.recorder.matrix(dx, batch, shape.width).span;
            let narrowed = Call::new("to_bf16", grid).read(out).write(dx).int(values);
            self.recorder.launch("head: gradient in bf16", narrowed);
        }
    }

    /// The gradients of both layers, and the totals of the batch, on the side lane.
    fn head_weights(&mut self) {
        let head = self.recorder.buffers.head;
        let (batch, shape) = (self.recorder.bucket.batch, self.recorder.plan.shape);
        let arena = self.training.gradients;
        let totals = Call::new("totals", Grid::blocks([1, 1], 256).with_shared(256 * 8))
            .read(self.recorder.input.step)
            .read(head.losses);
        let totals = self.adds(totals, arena.totals);
        self.recorder.lanes.launch(Lane::Side, "totals".to_owned(), totals);
        let classifier = Call::new("head_gradient", Grid::blocks([shape.classes, 1], 128))
            .read(self.recorder.input.step)
            .read(head.dlogits)
            .read(head.active);
        let (weight, bias) = (arena.parts.classifier.weight, arena.parts.classifier.bias);
        let classifier = classifier.write(weight);
        let classifier = self.adds(classifier, bias).int(shape.inner).int(shape.classes);
        let label = "head: classifier, weight gradient".to_owned();
        self.recorder.lanes.launch(Lane::Side, label, classifier);
        let out = floats(arena.parts.hidden.weight, shape.inner, shape.width);
        let product = Sum {
            left: Factor::Transposed(floats(head.dhidden, batch, shape.inner)),
            right: Factor::Plain(floats(head.states, batch, shape.width)),
            addend: self.micro_batch.adds.then_some(out),
            out,
        };
        let label = "head: hidden, weight gradient".to_owned();
        self.recorder.lanes.product(Lane::Side, label, product.product(Arithmetic::F32));
        self.sum_parts("head", &[(head.dhidden, arena.parts.hidden.bias, batch)]);
    }
}
