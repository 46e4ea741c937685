//! Whole runs of a tiny model in this process.

#[cfg(test)]
mod criterion;
#[cfg(test)]
mod determinism;
#[cfg(test)]
mod families;
#[cfg(test)]
mod guards;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod mutations;
#[cfg(test)]
mod parity;
#[cfg(test)]
mod ranks;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod resume;
#[cfg(test)]
mod saving;
#[cfg(test)]
mod setup;
#[cfg(test)]
mod stops;
