//! The programs as a user starts them.

mod bag_of_words;
mod commands;
mod malformed;
mod parity;
mod program;
mod quickstart;
mod resume;
mod signals;
