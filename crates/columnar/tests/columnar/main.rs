//! What the crate promises its users, tested from outside, in one program.

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tables;
