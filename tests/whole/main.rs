//! The programs as a user starts them.

#[cfg(test)]
mod bag_of_words;
#[cfg(test)]
mod cards;
#[cfg(test)]
mod checks;
#[cfg(test)]
mod cluster;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod console;
#[cfg(test)]
mod cores;
#[cfg(test)]
mod determinism;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod elastic;
#[cfg(test)]
mod endings;
#[cfg(test)]
mod examples;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod going_on;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod hub;
#[cfg(test)]
mod inspect;
#[cfg(test)]
mod labels;
#[cfg(test)]
mod launch_files;
#[cfg(test)]
mod launcher;
#[cfg(test)]
mod lost_ranks;
#[cfg(test)]
mod malformed;
#[cfg(test)]
mod not_files;
#[cfg(test)]
mod pairs;
#[cfg(test)]
mod parity;
#[cfg(test)]
mod predictions;
#[cfg(test)]
mod program;
#[cfg(test)]
mod python;
#[cfg(test)]
mod quickstart;
#[cfg(test)]
mod ranks;
#[cfg(test)]
mod report;
#[cfg(test)]
mod resume;
#[cfg(test)]
mod seeds;
#[cfg(test)]
mod sharing;
#[cfg(test)]
mod shells;
#[cfg(test)]
mod signals;
#[cfg(test)]
mod stalls;
#[cfg(test)]
mod starters;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod tables;
#[cfg(test)]
mod tensorboard;
#[cfg(test)]
mod texts;
#[cfg(test)]
mod token_cache;
#[cfg(test)]
mod trace;
