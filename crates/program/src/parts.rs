//! One value for each parameter of a model, in the tree of its layers.

use crate::ModelShape;

/// A weight and the bias beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeightAndBias<T> {
    /// Of a linear layer (O,I), of a layer norm (D).
    pub weight: T,
    /// (O) or (D).
    pub bias: T,
}

/// One value for each parameter of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockParts<T> {
    /// (D,D) and (D).
    pub query: WeightAndBias<T>,
    /// (D,D) and (D).
    pub key: WeightAndBias<T>,
    /// (D,D) and (D).
    pub value: WeightAndBias<T>,
    /// (D,D) and (D).
    pub output: WeightAndBias<T>,
    /// (D) and (D).
    pub attention_norm: WeightAndBias<T>,
    /// (F,D) and (F).
    pub widen: WeightAndBias<T>,
    /// (D,F) and (D).
    pub narrow: WeightAndBias<T>,
    /// (D) and (D).
    pub feed_forward_norm: WeightAndBias<T>,
}

/// One value for each parameter of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelParts<T> {
    /// (V,D)
    pub words: T,
    /// (P,D)
    pub places: T,
    /// (D) and (D).
    pub norm: WeightAndBias<T>,
    /// From the first to the last.
    pub blocks: Vec<BlockParts<T>>,
    /// The head's first layer, (I,D) and (I).
    pub hidden: WeightAndBias<T>,
    /// The head's second layer, (K,I) and (K).
    pub classifier: WeightAndBias<T>,
}

/// What the parameters of a model are called.
#[derive(Clone, Copy, Debug)]
pub struct PartNames<'a> {
    /// All blocks, without the encoder's prefix.
    pub blocks: &'a str,
    /// The layers of a block below its number, in the order of [`BlockParts`].
    pub layers: [&'a str; 8],
    /// The head's two layers.
    pub head: [&'a str; 2],
}

/// What is looked up in [`ModelParts::find`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// The name in a checkpoint, without the encoder's prefix.
    pub name: &'a str,
    /// Values of the parameter.
    pub values: usize,
    /// Whether it belongs to the head.
    pub is_head: bool,
}

/// Looks parameters up below a name.
struct Finder<'a, F> {
    find: &'a mut F,
    is_head: bool,
}

impl<T, E, F: FnMut(Wanted<'_>) -> Result<T, E>> Finder<'_, F> {
    fn one(&mut self, name: &str, values: usize) -> Result<T, E> {
        (self.find)(Wanted { name, values, is_head: self.is_head })
    }

    fn affine(&mut self, name: &str, [outputs, inputs]: [usize; 2]) -> Result<WeightAndBias<T>, E> {
        Ok(WeightAndBias {
            weight: self.one(&format!("{name}.weight"), outputs * inputs)?,
            bias: self.one(&format!("{name}.bias"), outputs)?,
        })
    }

    fn block(
        &mut self,
        prefix: &str,
        names: &PartNames<'_>,
        shape: &ModelShape,
    ) -> Result<BlockParts<T>, E> {
        let (d, f) = (shape.width, shape.feed_forward);
        let [query, key, value, output, first_norm, widen, narrow, second_norm] =
            names.layers.map(|layer| format!("{prefix}.{layer}"));
        Ok(BlockParts {
            query: self.affine(&query, [d, d])?,
            key: self.affine(&key, [d, d])?,
            value: self.affine(&value, [d, d])?,
            output: self.affine(&output, [d, d])?,
            attention_norm: self.affine(&first_norm, [d, 1])?,
            widen: self.affine(&widen, [f, d])?,
            narrow: self.affine(&narrow, [d, f])?,
            feed_forward_norm: self.affine(&second_norm, [d, 1])?,
        })
    }
}

impl<T> ModelParts<T> {
    /// Looks every parameter up by its name.
    ///
    /// # Errors
    /// The first of `find`.
    pub fn find<E>(
        shape: &ModelShape,
        names: &PartNames<'_>,
        mut find: impl FnMut(Wanted<'_>) -> Result<T, E>,
    ) -> Result<Self, E> {
        let (d, inner) = (shape.width, shape.inner);
        let mut encoder = Finder { find: &mut find, is_head: false };
        let table = |name: &str| format!("embeddings.{name}_embeddings.weight");
        let words = encoder.one(&table("word"), shape.vocabulary * d)?;
        let places = encoder.one(&table("position"), shape.positions * d)?;
        let norm = encoder.affine("embeddings.LayerNorm", [d, 1])?;
        let blocks = (0..shape.blocks)
            .map(|number| encoder.block(&format!("{}.{number}", names.blocks), names, shape));
        let blocks = blocks.collect::<Result<_, _>>()?;
        let mut top = Finder { find: &mut find, is_head: true };
        let hidden = top.affine(names.head[0], [inner, d])?;
        let classifier = top.affine(names.head[1], [shape.classes, inner])?;
        Ok(Self { words, places, norm, blocks, hidden, classifier })
    }
}

impl<T> WeightAndBias<T> {
    /// The same tree of other values.
    pub(crate) fn map<U>(&self, mut change: impl FnMut(&T) -> U) -> WeightAndBias<U> {
        WeightAndBias { weight: change(&self.weight), bias: change(&self.bias) }
    }
}

impl<T> BlockParts<T> {
    fn map<U>(&self, mut change: impl FnMut(&T) -> U) -> BlockParts<U> {
        BlockParts {
            query: self.query.map(&mut change),
            key: self.key.map(&mut change),
            value: self.value.map(&mut change),
            output: self.output.map(&mut change),
            attention_norm: self.attention_norm.map(&mut change),
            widen: self.widen.map(&mut change),
            narrow: self.narrow.map(&mut change),
            feed_forward_norm: self.feed_forward_norm.map(&mut change),
        }
    }

    fn layers(&self) -> [&WeightAndBias<T>; 8] {
        [
            &self.query,
            &self.key,
            &self.value,
            &self.output,
            &self.attention_norm,
            &self.widen,
            &self.narrow,
            &self.feed_forward_norm,
        ]
    }
}

impl<T> ModelParts<T> {
    /// The same tree of other values.
    pub fn map<U>(&self, mut change: impl FnMut(&T) -> U) -> ModelParts<U> {
        ModelParts {
            words: change(&self.words),
            places: change(&self.places),
            norm: self.norm.map(&mut change),
            blocks: self.blocks.iter().map(|block| block.map(&mut change)).collect(),
            hidden: self.hidden.map(&mut change),
            classifier: self.classifier.map(&mut change),
        }
    }

    /// All values but that of the word table, in the order of [`ModelParts::find`].
    pub fn dense(&self) -> impl Iterator<Item = &T> {
        let blocks = self.blocks.iter().flat_map(BlockParts::layers);
        let layers = [&self.norm].into_iter().chain(blocks).chain([&self.hidden, &self.classifier]);
        [&self.places].into_iter().chain(layers.flat_map(|layer| [&layer.weight, &layer.bias]))
    }
}
