//! What the machine promises, where there is a GPU.

#[cfg(test)]
mod machine;
