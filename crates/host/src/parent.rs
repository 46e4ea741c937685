//! The launcher, where it is the parent process of a rank.

use rustix::process::getppid;

use crate::Environment;

/// The variable with the process id of the launcher that started this rank itself.
pub const LAUNCHER_PID: &str = "LOCKSTEP_LAUNCHER_PID";

/// The launcher that is the parent of this process.
#[derive(Clone, Copy, Debug)]
pub struct ParentLauncher(i32);

impl ParentLauncher {
    /// The launcher that this environment names, if it is the parent of this process: the variable
    /// also reaches what a rank starts.
    pub fn of(environment: &Environment) -> Option<Self> {
        let launcher = environment.get(LAUNCHER_PID)?.parse().ok().map(Self)?;
        (!launcher.has_ended()).then_some(launcher)
    }

    /// Whether it has ended, so that this process has another parent.
    pub fn has_ended(self) -> bool {
        getppid().map(|parent| parent.as_raw_nonzero().get()) != Some(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_parent_counts() {
        let of = |pid: i32| {
            let variables = [(LAUNCHER_PID.to_owned(), pid.to_string())];
            ParentLauncher::of(&variables.into_iter().collect())
        };
        let parent = getppid().unwrap().as_raw_nonzero().get();
        assert!(of(parent).is_some_and(|launcher| !launcher.has_ended()));
        assert!(of(i32::MAX).is_none());
        assert!(ParentLauncher(i32::MAX).has_ended());
    }
}
