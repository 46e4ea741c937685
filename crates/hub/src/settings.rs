//! Where the hub and its cache are: the variables Python's `huggingface_hub` reads.

use std::path::PathBuf;

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
}

/// Where the token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// Here.
    Given(String),
    /// In this file, if that exists: `hf auth login` writes it.
    InFile(PathBuf),
    /// Nowhere.
    Absent,
}

/// Whether the network may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// It may.
    Online,
    /// This variable forbids it.
    Offline {
        /// The variable's name.
        variable: &'static str,
    },
}

impl HubSettings {
    /// The settings that follow from the environment.
    pub fn of(environment: &Environment) -> Self {
        let home = home(environment);
        let in_home = |name: &str| home.as_ref().map(|home| home.join(name));
        let path = |name: &str| environment.get(name).map(|path| expand(environment, path));
        let token = ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"].iter().find_map(|n| environment.get(n));
        let token_file = path("HF_TOKEN_PATH").or_else(|| in_home("token"));
        let endpoint = environment.get("HF_ENDPOINT").unwrap_or("https://huggingface.co");
        Self {
            cache: path("HF_HUB_CACHE").or_else(|| in_home("hub")),
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            token: match (token, token_file) {
                (Some(token), _) => Token::Given(token.trim().to_owned()),
                (None, Some(file)) => Token::InFile(file),
                (None, None) => Token::Absent,
            },
            access: ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"]
                .into_iter()
                .find(|variable| environment.is_on(variable))
                .map_or(Access::Online, |variable| Access::Offline { variable }),
        }
    }

    /// Whether what the cache lacks can be fetched.
    #[must_use]
    pub fn is_online(&self) -> bool {
        self.access == Access::Online
    }

    /// The same hub for somebody who only looks into the cache.
    pub fn without_network(self) -> Self {
        Self { access: Access::Offline { variable: "trainer plan" }, ..self }
    }
}

fn home(environment: &Environment) -> Option<PathBuf> {
    let given = environment.get("HF_HOME").map(|path| expand(environment, path));
    let caches = || environment.get("XDG_CACHE_HOME").map(|path| expand(environment, path));
    let own_caches = || environment.get("HOME").map(|home| PathBuf::from(home).join(".cache"));
    given.or_else(|| Some(caches().or_else(own_caches)?.join("huggingface")))
}

/// A path whose `~` is the home directory.
fn expand(environment: &Environment, path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), environment.get("HOME")) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => PathBuf::from(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> HubSettings {
        let variables = variables.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        HubSettings::of(&variables.collect())
    }

    #[test]
    fn the_cache_is_the_one_python_uses() {
        let check = |variables: &[(&str, &str)], expected: Option<&str>| {
            assert_eq!(settings(variables).cache, expected.map(PathBuf::from), "{variables:?}");
        };
        check(&[("HOME", "/h")], Some("/h/.cache/huggingface/hub"));
        check(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")], Some("/x/huggingface/hub"));
        check(&[("HOME", "/h"), ("HF_HOME", "~/f")], Some("/h/f/hub"));
        check(&[("HF_HOME", "/f"), ("HF_HUB_CACHE", "/c")], Some("/c"));
        check(&[("HF_HOME", "")], None);
    }

    #[test]
    fn token_endpoint_and_access_follow_from_the_environment() {
        let given = settings(&[("HF_TOKEN", " t\n"), ("HF_ENDPOINT", "http://e/")]);
        assert_eq!(given.token, Token::Given("t".to_owned()));
        assert_eq!(given.endpoint, "http://e");
        assert_eq!(given.access, Access::Online);
        let stored = settings(&[("HF_HOME", "/f"), ("TRANSFORMERS_OFFLINE", "yes")]);
        assert_eq!(stored.token, Token::InFile("/f/token".into()));
        assert_eq!(stored.endpoint, "https://huggingface.co");
        assert_eq!(stored.access, Access::Offline { variable: "TRANSFORMERS_OFFLINE" });
        assert_eq!(settings(&[("HF_HUB_OFFLINE", "0")]).access, Access::Online);
        assert_eq!(settings(&[]).token, Token::Absent);
    }
}
