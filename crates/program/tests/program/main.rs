//! Recorded programs: their order, their memory, and what their tables hold.

#[cfg(test)]
mod lanes;
#[cfg(test)]
mod predicted;
#[cfg(test)]
mod recorded;
