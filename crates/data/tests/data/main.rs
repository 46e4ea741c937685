//! What the crate promises its users, tested from outside, in one program.

#[cfg(test)]
mod arbitrary_bytes;
#[cfg(test)]
mod byte_level;
#[cfg(test)]
mod classes;
#[cfg(test)]
mod corpus_messages;
#[cfg(test)]
mod formats;
#[cfg(test)]
mod order;
#[cfg(test)]
mod overlap;
#[cfg(test)]
mod pairs;
#[cfg(test)]
mod real_files;
#[cfg(test)]
mod sets;
#[cfg(test)]
mod token_cache;
#[cfg(test)]
mod tokenizer_golden;
#[cfg(test)]
mod tokenizer_messages;
#[cfg(test)]
mod tokenizer_settings;
