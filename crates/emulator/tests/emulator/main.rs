//! What the emulator promises: broken rules are noticed, and programs run as they are written.

#[cfg(test)]
mod beside;
#[cfg(test)]
mod desk;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod lanes;
#[cfg(test)]
mod products;
