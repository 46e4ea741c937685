//! The secret of a run, which its processes prove to each other at their ports.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use thiserror::Error;

use crate::Environment;

/// The variable with a run's token.
pub const TOKEN: &str = "LOCKSTEP_TOKEN";
/// The variable with the path of a file that holds it.
pub const TOKEN_FILE: &str = "LOCKSTEP_TOKEN_FILE";

/// Fewer characters can be guessed by a program that has seen one greeting.
const SHORTEST: usize = 16;
const LONGEST: usize = 4096;

/// A token that cannot be used. No message has a part of it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TokenError {
    /// One that is easily guessed, or endless.
    #[error(
        "the token in {variable} has {count} characters; use {SHORTEST} to {LONGEST} random ones, for \
         example `openssl rand -hex 32`"
    )]
    Length {
        /// Where it comes from.
        variable: &'static str,
        /// Its characters.
        count: String,
    },
    /// A file that cannot be read.
    #[error("LOCKSTEP_TOKEN_FILE={} cannot be read: {cause}", path.display())]
    File {
        /// Where it was looked for.
        path: PathBuf,
        /// The system's words.
        cause: String,
    },
}

/// The token of this process's run, where it was given one.
///
/// # Errors
/// [`TokenError`].
pub fn run_token(environment: &Environment) -> Result<Option<String>, TokenError> {
    if let Some(token) = environment.get(TOKEN) {
        return checked(TOKEN, token).map(Some);
    }
    let Some(path) = environment.get(TOKEN_FILE).map(PathBuf::from) else { return Ok(None) };
    let text = read(&path).map_err(|cause| TokenError::File { path, cause: cause.to_string() })?;
    checked(TOKEN_FILE, text.trim()).map(Some)
}

/// What a file holds. A pipe or a device might never end.
fn read(path: &PathBuf) -> io::Result<String> {
    if !path.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut text = String::new();
    File::open(path)?.take(2 * LONGEST as u64).read_to_string(&mut text)?;
    Ok(text)
}

fn checked(variable: &'static str, token: &str) -> Result<String, TokenError> {
    match token.chars().count() {
        SHORTEST..=LONGEST => Ok(token.to_owned()),
        count if count > LONGEST => {
            Err(TokenError::Length { variable, count: format!("more than {LONGEST}") })
        }
        count => Err(TokenError::Length { variable, count: count.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(variables: &[(&str, &str)], expected: Result<Option<&str>, &str>) {
        let variables = variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        let found = run_token(&variables.collect()).map_err(|error| error.to_string());
        match (&found, expected) {
            (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
            _ => assert_eq!(found, expected.map(|t| t.map(str::to_owned)).map_err(str::to_owned)),
        }
    }

    #[test]
    fn a_token_comes_from_the_environment_or_a_file_and_is_never_shown() {
        let folder = std::env::temp_dir().join(format!("token-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("token");
        std::fs::write(&path, "0123456789abcdef\n").unwrap();
        let file = path.display().to_string();
        let word = "fedcba9876543210";
        check(&[], Ok(None));
        check(&[(TOKEN, "")], Ok(None));
        check(&[(TOKEN, word)], Ok(Some(word)));
        check(&[(TOKEN_FILE, &file)], Ok(Some("0123456789abcdef")));
        check(&[(TOKEN, word), (TOKEN_FILE, &file)], Ok(Some(word)));
        check(&[(TOKEN, "secret")], Err("the token in LOCKSTEP_TOKEN has 6 characters; use 16 to"));
        check(&[(TOKEN, &"x".repeat(9000))], Err("has more than 4096 characters"));
        check(&[(TOKEN_FILE, "/nowhere")], Err("LOCKSTEP_TOKEN_FILE=/nowhere cannot be read: No"));
        check(&[(TOKEN_FILE, "/dev/zero")], Err("it is not a regular file"));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
