//! What both programs need at their edges, and what this machine is.
//!
//! Arguments, environment, standard streams, signals, exit codes and the way an error is shown; the
//! machine's name and GPUs, and which rank computes on which device.

pub mod bug_report;
pub mod console;
mod decision;
mod exit;
pub mod gpus;
mod lane;
pub mod live;
mod log_line;
mod machine;
pub mod mpirun;
mod own_seat;
mod parent;
mod port;
mod process;
mod process_stat;
mod program;
pub mod progress;
pub mod shell;
pub mod signals;
pub mod streams;
mod token;
mod unused;
pub mod warnings;
mod wish;

pub use decision::{Computes, DecisionError, Equipment, decide, hosts};
pub use exit::ExitCode;
pub use log_line::{LogFormat, json_line};
pub use machine::host_name;
pub use own_seat::name_rank;
pub use parent::{LAUNCHER_PID, ParentLauncher};
pub use port::free_port;
pub use process::{Environment, Process, REPLACING_RUN, RUN_ID};
pub use process_stat::ProcessStat;
pub use program::{enter, report};
pub use token::{TOKEN, TOKEN_FILE, TokenError, run_token};
pub use unused::Unused;
pub use wish::{DeviceChoice, PrecisionChoice, Sharing, Wish};
