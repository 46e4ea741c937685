//! `trainer train`.

use std::io::Write;

use crate::config::run_plan;
use crate::device::{self, Duty};
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::process::Process;
use crate::seat::seat;

pub(crate) fn run(
    process: &Process,
    arguments: &[String],
    out: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    let plan = run_plan(arguments)?;
    device::check(plan.run.device, plan.run.precision)?;
    let _ = (Duty::Train, device::duty(plan.run.device, seat(&process.environment))?, out);
    Ok(ExitCode::Done)
}
