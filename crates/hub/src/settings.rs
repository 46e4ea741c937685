//! Where the hub and its cache are: the variables Python's `huggingface_hub` reads.
//!
//! Truth and precedence are those of its `constants.py` (1.33), with one difference: a variable that
//! is empty counts as unset, where Python takes an empty path for the working directory.

use std::path::PathBuf;
use std::time::Duration;

use lockstep_host::Environment;

/// The hub as the environment describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubSettings {
    /// The cache that Python shares; nothing where there is not even a home directory.
    pub(crate) cache: Option<PathBuf>,
    /// The server, without a slash at its end.
    pub(crate) endpoint: String,
    /// Who we are, for models that are not public.
    pub(crate) token: Token,
    /// Whether the network may be used.
    pub(crate) access: Access,
    /// How long the network is waited for.
    pub(crate) waits: Result<Waits, Misset>,
}

/// Where the token is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// Here.
    Given(String),
    /// In this file, if that exists: `hf auth login` writes it.
    InFile(PathBuf),
    /// There is none, or it must not be sent.
    Absent,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Given(_) => f.write_str("Given"),
            Self::InFile(path) => write!(f, "InFile({})", path.display()),
            Self::Absent => f.write_str("Absent"),
        }
    }
}

/// Whether the network may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// It may.
    Online,
    /// It may not.
    Offline {
        /// The variable that forbids it; nothing where the command does not use it.
        variable: Option<&'static str>,
    },
}

/// How long the network is waited for, and how often it is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waits {
    /// For a connection, and for the head of an answer.
    pub(crate) answer: Duration,
    /// For the next bytes.
    pub(crate) bytes: Duration,
    /// Further tries after a failure that may pass.
    pub(crate) tries: u32,
    /// Before the first further try; doubled before each other.
    pub(crate) pause: Duration,
    /// How long another process that downloads may show no sign of life.
    pub(crate) patience: Duration,
}

/// A variable whose value is none that it can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the variable {variable} is `{value}`, but it must be {takes}; correct it, or unset it")]
pub struct Misset {
    /// Its name.
    pub(crate) variable: &'static str,
    /// Its value.
    pub(crate) value: String,
    /// What it may be.
    pub(crate) takes: &'static str,
}

impl HubSettings {
    /// The settings that follow from the environment.
    pub fn of(environment: &Environment) -> Self {
        let home = home(environment);
        let in_home = |name: &str| home.as_ref().map(|home| home.join(name));
        let path = |name: &str| environment.get(name).map(|path| expand(environment, path));
        let endpoint = environment.get("HF_ENDPOINT").unwrap_or("https://huggingface.co");
        let cache = ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"].into_iter().find_map(path);
        Self {
            cache: cache.or_else(|| in_home("hub")),
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            token: token(environment, path("HF_TOKEN_PATH").or_else(|| in_home("token"))),
            // The first that is set decides, also if it says no.
            access: ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"]
                .into_iter()
                .find(|variable| environment.get(variable).is_some())
                .filter(|variable| environment.is_on(variable))
                .map_or(Access::Online, |variable| Access::Offline { variable: Some(variable) }),
            waits: waits(environment),
        }
    }

    /// Whether what the cache lacks can be fetched.
    #[must_use]
    pub fn is_online(&self) -> bool {
        self.access == Access::Online
    }

    /// The same hub, for reading the cache only.
    pub fn without_network(self) -> Self {
        Self { access: Access::Offline { variable: None }, ..self }
    }
}

fn token(environment: &Environment, file: Option<PathBuf>) -> Token {
    if environment.is_on("HF_HUB_DISABLE_IMPLICIT_TOKEN") {
        return Token::Absent;
    }
    let given = ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"].iter().find_map(|n| environment.get(n));
    match (given.and_then(clean_token), file) {
        (Some(token), _) => Token::Given(token),
        (None, Some(file)) => Token::InFile(file),
        (None, None) => Token::Absent,
    }
}

/// A token without the line ends and spaces that came along, if anything is left.
pub(super) fn clean_token(text: &str) -> Option<String> {
    let token = text.replace(['\r', '\n'], "").trim().to_owned();
    (!token.is_empty()).then_some(token)
}

fn waits(environment: &Environment) -> Result<Waits, Misset> {
    let seconds = |variable: &'static str| {
        let value = environment.get(variable).unwrap_or("0");
        match value.trim().parse::<u32>() {
            Ok(0) => Ok(Duration::from_secs(10)),
            Ok(seconds) => Ok(Duration::from_secs(seconds.into())),
            Err(_) => {
                let takes = "a whole number of seconds";
                Err(Misset { variable, value: value.to_owned(), takes })
            }
        }
    };
    let (answer, bytes) = (seconds("HF_HUB_ETAG_TIMEOUT")?, seconds("HF_HUB_DOWNLOAD_TIMEOUT")?);
    Ok(Waits {
        answer,
        bytes,
        // Names, connections and answers each have their time, and large files are read and synced.
        patience: 3 * answer + bytes + Duration::from_secs(80),
        tries: 4,
        pause: Duration::from_secs(1),
    })
}

fn home(environment: &Environment) -> Option<PathBuf> {
    let given = environment.get("HF_HOME").map(|path| expand(environment, path));
    let caches = || environment.get("XDG_CACHE_HOME").map(|path| expand(environment, path));
    let own_caches = || environment.get("HOME").map(|home| PathBuf::from(home).join(".cache"));
    given.or_else(|| Some(caches().or_else(own_caches)?.join("huggingface")))
}

/// A path whose `~` is the home directory and whose `$NAME` and `${NAME}` are variables; one that is
/// not set stays as it is written.
fn expand(environment: &Environment, path: &str) -> PathBuf {
    let path = match (path.strip_prefix('~'), environment.get("HOME")) {
        (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => {
            format!("{}{rest}", home.trim_end_matches('/'))
        }
        _ => path.to_owned(),
    };
    let mut whole = String::with_capacity(path.len());
    let mut rest = &*path;
    while let Some((before, behind)) = rest.split_once('$') {
        whole.push_str(before);
        let length = match behind.strip_prefix('{').map(|inner| inner.find('}')) {
            Some(end) => end.map_or(0, |end| end + 2),
            None => behind
                .find(|c: char| c != '_' && !c.is_ascii_alphanumeric())
                .unwrap_or(behind.len()),
        };
        let (name, after) = behind.split_at(length);
        match environment.given(name.trim_start_matches('{').trim_end_matches('}')) {
            Some(value) if !name.is_empty() => whole.push_str(value),
            _ => {
                whole.push('$');
                whole.push_str(name);
            }
        }
        rest = after;
    }
    PathBuf::from(whole + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> HubSettings {
        let variables = variables.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        HubSettings::of(&variables.collect())
    }

    /// The rows were compared with `huggingface_hub.constants` by tests/reference/hub_variables.py.
    #[test]
    fn the_cache_is_the_one_python_uses() {
        let check = |variables: &[(&str, &str)], expected: Option<&str>| {
            assert_eq!(settings(variables).cache, expected.map(PathBuf::from), "{variables:?}");
        };
        check(&[("HOME", "/h")], Some("/h/.cache/huggingface/hub"));
        check(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")], Some("/x/huggingface/hub"));
        check(
            &[("HOME", "/h"), ("XDG_CACHE_HOME", "~/$A"), ("A", "x")],
            Some("/h/x/huggingface/hub"),
        );
        check(&[("HOME", "/h"), ("HF_HOME", "~/f")], Some("/h/f/hub"));
        check(&[("HOME", "/h"), ("HF_HOME", "~")], Some("/h/hub"));
        check(&[("HF_HOME", "/s/$NAME/f"), ("NAME", "me")], Some("/s/me/f/hub"));
        check(&[("HF_HOME", "/s/${NAME}f"), ("NAME", "me")], Some("/s/mef/hub"));
        check(&[("HF_HOME", "/s/$NAMEf"), ("NAME", "me")], Some("/s/$NAMEf/hub"));
        check(&[("HF_HOME", "/s/${NAME/$X-"), ("X", "$NAME")], Some("/s/${NAME/$NAME-/hub"));
        check(&[("HF_HOME", "/f"), ("HF_HUB_CACHE", "/c")], Some("/c"));
        check(&[("HF_HOME", "/f"), ("HUGGINGFACE_HUB_CACHE", "/c")], Some("/c"));
        check(&[("HOME", "/h"), ("HUGGINGFACE_HUB_CACHE", "~/$D"), ("D", "d")], Some("/h/d"));
        check(&[("HF_HUB_CACHE", "/c"), ("HUGGINGFACE_HUB_CACHE", "/d")], Some("/c"));
        check(&[("HF_HOME", "")], None);
    }

    #[test]
    fn the_network_is_forbidden_as_python_forbids_it() {
        let check = |variables: &[(&str, &str)], forbids: Option<&'static str>| {
            let expected = forbids
                .map_or(Access::Online, |variable| Access::Offline { variable: Some(variable) });
            assert_eq!(settings(variables).access, expected, "{variables:?}");
        };
        for yes in ["1", "ON", "on", "Yes", "TRUE", "true"] {
            check(&[("HF_HUB_OFFLINE", yes)], Some("HF_HUB_OFFLINE"));
            check(&[("TRANSFORMERS_OFFLINE", yes)], Some("TRANSFORMERS_OFFLINE"));
        }
        for no in ["0", "off", "no", "false", "2", "y", ""] {
            check(&[("HF_HUB_OFFLINE", no)], None);
            check(&[("TRANSFORMERS_OFFLINE", no)], None);
        }
        check(&[("HF_HUB_OFFLINE", "0"), ("TRANSFORMERS_OFFLINE", "1")], None);
        check(
            &[("HF_HUB_OFFLINE", ""), ("TRANSFORMERS_OFFLINE", "1")],
            Some("TRANSFORMERS_OFFLINE"),
        );
        check(&[("HF_HUB_OFFLINE", "1"), ("TRANSFORMERS_OFFLINE", "0")], Some("HF_HUB_OFFLINE"));
    }

    #[test]
    fn the_token_is_the_one_python_sends() {
        let check = |variables: &[(&str, &str)], expected: Token| {
            assert!(settings(variables).token == expected, "{variables:?}");
        };
        let given = |token: &str| Token::Given(token.to_owned());
        let file = |path: &str| Token::InFile(path.into());
        check(&[], Token::Absent);
        check(&[("HF_TOKEN", " t\r\n")], given("t"));
        check(&[("HF_TOKEN", "a\nb")], given("ab"));
        check(&[("HF_TOKEN", "a"), ("HUGGING_FACE_HUB_TOKEN", "b")], given("a"));
        check(&[("HF_TOKEN", ""), ("HUGGING_FACE_HUB_TOKEN", "b")], given("b"));
        check(
            &[("HF_TOKEN", " "), ("HUGGING_FACE_HUB_TOKEN", "b"), ("HF_HOME", "/f")],
            file("/f/token"),
        );
        check(&[("HF_HOME", "/f")], file("/f/token"));
        check(&[("HOME", "/h"), ("HF_TOKEN_PATH", "~/$T"), ("T", "t")], file("/h/t"));
        let no = ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1");
        check(&[("HF_TOKEN", "a"), no], Token::Absent);
        check(&[("HF_HOME", "/f"), no], Token::Absent);
        check(&[("HF_TOKEN", "a"), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "0")], given("a"));
        assert!(!format!("{:?}", settings(&[("HF_TOKEN", "tell")])).contains("tell"));
    }

    #[test]
    fn endpoint_and_waits_follow_from_the_environment() {
        assert_eq!(settings(&[]).endpoint, "https://huggingface.co");
        assert_eq!(settings(&[("HF_ENDPOINT", "http://e/p//")]).endpoint, "http://e/p");
        let waits = |variables: &[(&str, &str)]| {
            settings(variables).waits.map(|waits| (waits.answer.as_secs(), waits.bytes.as_secs()))
        };
        assert_eq!(waits(&[]), Ok((10, 10)));
        assert_eq!(
            waits(&[("HF_HUB_ETAG_TIMEOUT", "30"), ("HF_HUB_DOWNLOAD_TIMEOUT", " 60 ")]),
            Ok((30, 60))
        );
        assert_eq!(waits(&[("HF_HUB_DOWNLOAD_TIMEOUT", "0")]), Ok((10, 10)));
        for wrong in ["soon", "1.5", "-1"] {
            let fault = waits(&[("HF_HUB_ETAG_TIMEOUT", wrong)]).unwrap_err();
            assert_eq!((fault.variable, &*fault.value), ("HF_HUB_ETAG_TIMEOUT", wrong));
        }
    }
}
