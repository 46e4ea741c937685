//! Attention of one query a segment: `attention_first_forward` and `attention_first_backward`.

use lockstep_emulator::{Emulator, Grid, RawArgument, in_every_order};

use super::case::Case;
use super::oracle::Head;
use super::value::{Value, assert_near};

/// What the kernels read.
struct Input<T> {
    /// (batch, D)
    q: Vec<T>,
    /// (rows, 2 D)
    kv: Vec<T>,
    keys: Vec<u64>,
    /// (batch, D)
    y: Vec<T>,
    /// (batch, D)
    dy: Vec<T>,
}

/// What the backward writes.
struct Gradients<T> {
    /// (batch, D)
    dq: Vec<T>,
    /// (rows, 2 D)
    dkv: Vec<T>,
    /// (batch, 3 D)
    parts: Vec<f32>,
}

impl Case {
    fn first_input<T: Value>(&self) -> Input<T> {
        let (batch, width, segments) = (self.batch(), self.width(), self.lengths.len());
        let mut input = Input {
            q: self.matrix(11, [segments, batch, width], 1.5),
            kv: self.matrix(12, [self.tokens(), self.rows(), 2 * width], 1.5),
            keys: self.keys(segments),
            y: Vec::new(),
            dy: self.matrix(13, [segments, batch, width], 1.0),
        };
        input.y = self.first_results(&input).iter().map(|&y| T::rounded(y as f32)).collect();
        input
    }

    /// The head of a segment; values are not rounded again, since these kernels do not.
    fn first_head<T: Value>(&self, input: &Input<T>, segment: usize, head: usize) -> Head {
        let (biases, width) = (self.biases(), self.width());
        let rows = self.segments()[segment].clone();
        let columns = head * self.columns..(head + 1) * self.columns;
        let biased = |value: T, which: usize, column: usize| {
            value.value() + f64::from(biases[which][column])
        };
        let q = columns.clone().map(|c| biased(input.q[segment * width + c], 0, c)).collect();
        let [k, v] = [0, 1].map(|which| {
            let value = |row: usize, c: usize| input.kv[(row * 2 + which) * width + c];
            let row = |row| columns.clone().map(|c| biased(value(row, c), which + 1, c)).collect();
            rows.clone().map(row).collect()
        });
        let kept = |place| self.keeps(input.keys[segment], head, place);
        let factor = |place| if kept(place) { f64::from(self.scale()) } else { 0.0 };
        Head { q: vec![q], k, v, factors: vec![(0..rows.len()).map(factor).collect()] }
    }

    /// Segments that have rows, with each head.
    fn first_heads(&self) -> Vec<(usize, usize)> {
        let segments = (0..self.lengths.len()).filter(|&segment| self.lengths[segment] > 0);
        segments.flat_map(|segment| (0..self.heads).map(move |head| (segment, head))).collect()
    }

    fn first_results<T: Value>(&self, input: &Input<T>) -> Vec<f64> {
        let mut out = vec![0.0; self.batch() * self.width()];
        for (segment, head) in self.first_heads() {
            let y = self.first_head(input, segment, head).forward();
            out[segment * self.width() + head * self.columns..][..self.columns]
                .copy_from_slice(&y[0]);
        }
        out
    }

    /// dq, dkv and parts.
    fn first_gradients<T: Value>(&self, input: &Input<T>) -> [Vec<f64>; 3] {
        let (width, columns) = (self.width(), self.columns);
        let mut dq = vec![0.0; self.batch() * width];
        let mut dkv = vec![0.0; self.rows() * 2 * width];
        let mut parts = vec![0.0; self.batch() * 3 * width];
        for (segment, head) in self.first_heads() {
            let at = segment * width + head * columns;
            let dy = input.dy[at..][..columns].iter().map(|dy| dy.value()).collect();
            let gradients = self.first_head(input, segment, head).backward(&[dy]);
            dq[at..][..columns].copy_from_slice(&gradients.q[0]);
            let part = segment * 3 * width + head * columns;
            parts[part..][..columns].copy_from_slice(&gradients.q[0]);
            for (place, row) in self.segments()[segment].clone().enumerate() {
                for (which, gradients) in
                    [&gradients.k[place], &gradients.v[place]].iter().enumerate()
                {
                    dkv[(row * 2 + which) * width + head * columns..][..columns]
                        .copy_from_slice(gradients);
                    let part = &mut parts[part + (1 + which) * width..][..columns];
                    for (sum, gradient) in part.iter_mut().zip(*gradients) {
                        *sum += gradient;
                    }
                }
            }
        }
        [dq, dkv, parts]
    }

    fn first_launch<T: Value>(
        &self,
        device: &Emulator,
        input: &Input<T>,
        pass: &str,
        rest: &[RawArgument],
    ) {
        let backward = usize::from(pass == "backward");
        let grid = Grid {
            blocks: [(self.batch() + backward) as u32, self.heads as u32],
            threads: 128,
            shared: 512 * 4 * 2 + 1024,
        };
        let keys = match self.threshold() {
            0 => RawArgument::Null,
            _ => device.buffer(&input.keys).into(),
        };
        let mut arguments = vec![
            self.step_buffer(device).into(),
            device.buffer(&self.offsets()).into(),
            device.buffer(&input.q).into(),
            device.buffer(&input.kv).into(),
        ];
        arguments.extend(self.biases().map(|bias| RawArgument::from(device.buffer(&bias))));
        arguments.extend([keys, self.threshold().into(), self.scale().into()]);
        arguments.extend(rest);
        let kernel = format!("attention_first_{pass}_{}_h{}", T::NAME, self.columns);
        device.launch(&kernel, grid, &arguments).expect(&kernel);
    }

    fn first_forward<T: Value>(&self, device: &Emulator, input: &Input<T>) -> Vec<T> {
        let out = device.poisoned::<T>(self.batch() * self.width());
        let counts = [self.batch(), self.heads].map(|count| RawArgument::I32(count as i32));
        self.first_launch(device, input, "forward", &[out.into(), counts[0], counts[1]]);
        device.read(&out)
    }

    fn first_backward<T: Value>(&self, device: &Emulator, input: &Input<T>) -> Gradients<T> {
        let dq = device.poisoned::<T>(self.batch() * self.width());
        let dkv = device.poisoned::<T>(self.rows() * 2 * self.width());
        let parts = device.poisoned::<f32>(self.batch() * 3 * self.width());
        let mut rest = vec![
            device.buffer(&input.y).into(),
            device.buffer(&input.dy).into(),
            dq.into(),
            dkv.into(),
            parts.into(),
        ];
        let counts = [self.rows(), self.batch(), self.heads];
        rest.extend(counts.map(|count| RawArgument::I32(count as i32)));
        self.first_launch(device, input, "backward", &rest);
        Gradients { dq: device.read(&dq), dkv: device.read(&dkv), parts: device.read(&parts) }
    }

    fn check_first<T: Value>(&self) {
        let device = Emulator::new(self.seed);
        let input = self.first_input::<T>();
        let out = self.first_forward(&device, &input);
        let what = format!("{} {self:?}", T::NAME);
        let expected = self.first_results(&input);
        assert_near(&what, &out, &expected, T::TOLERANCE[0]);
        let spare = &out[self.lengths.len() * self.width()..];
        assert!(spare.iter().all(|value| value.value() == 0.0), "{what}: spare segments");

        let gradients = self.first_backward(&device, &input);
        let [dq, dkv, parts] = self.first_gradients(&input);
        assert_near(&format!("{what}: dq"), &gradients.dq, &dq, T::TOLERANCE[1]);
        assert_near(&format!("{what}: dkv"), &gradients.dkv, &dkv, T::TOLERANCE[1]);
        assert_near(&format!("{what}: parts"), &gradients.parts, &parts, T::TOLERANCE[1]);
        let padding = &gradients.dkv[self.tokens() * 2 * self.width()..];
        assert!(padding.iter().all(|value| value.value() == 0.0), "{what}: spare rows");
        let spare = &gradients.parts[self.lengths.len() * 3 * self.width()..];
        assert!(spare.iter().all(|part| part.to_bits() == 0), "{what}: spare parts");
    }
}

fn first_cases(columns: usize) -> [Case; 3] {
    let case = |lengths: &[usize], heads, rate| Case {
        lengths: lengths.to_vec(),
        heads,
        columns,
        rate,
        ..Case::default()
    };
    [
        case(&[1, 0, 2, 15, 16, 17, 31, 32], 3, 0.1),
        case(&[33, 65, 0, 128, 129, 200], 1, 0.0),
        case(&[511, 64, 512], 1, 0.3),
    ]
}

#[test]
fn first_f32() {
    first_cases(32).iter().chain(&first_cases(64)).for_each(Case::check_first::<f32>);
}

#[test]
fn first_bf16() {
    first_cases(32).iter().chain(&first_cases(64)).for_each(Case::check_first::<u16>);
}

#[test]
fn no_order_matters() {
    fn check<T: Value>(case: &Case) {
        let input = case.first_input::<T>();
        in_every_order(|device| {
            let gradients = case.first_backward(device, &input);
            (case.first_forward(device, &input), gradients.dq, gradients.dkv, gradients.parts)
        });
    }
    for columns in [32, 64] {
        let case = Case { lengths: vec![40, 0, 3, 16], columns, rate: 0.2, ..Case::default() };
        check::<f32>(&case);
        check::<u16>(&case);
    }
}
