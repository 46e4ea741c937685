//! What the model promises: PyTorch's numbers, any layout of a directory, masks that follow the
//! example; and what candle's own DistilBERT lacks.

#[cfg(test)]
mod candle;
#[cfg(test)]
mod directories;
#[cfg(test)]
mod dropout;
#[cfg(test)]
mod families;
#[cfg(test)]
mod pytorch;
#[cfg(test)]
mod settings;
