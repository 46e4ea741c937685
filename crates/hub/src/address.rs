//! Where requests go: addresses, and which of them are the hub's own.
//!
//! The address that is compared is the one the request is made with, of the same type, so that no
//! second reading of a text can differ from the first.

use ureq::http::Uri;

/// The scheme, host and port of an address: what a token is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

impl Origin {
    /// The origin of an address of the web, which names no user.
    pub(super) fn of(address: &Uri) -> Option<Self> {
        let scheme = address.scheme_str()?.to_ascii_lowercase();
        let usual = match &*scheme {
            "https" => 443,
            "http" => 80,
            _ => return None,
        };
        let authority = address.authority().filter(|text| !text.as_str().contains('@'))?;
        let host = authority.host().to_ascii_lowercase();
        let port = match authority.as_str().get(authority.host().len()..)? {
            "" | ":" => usual,
            _ => authority.port_u16()?,
        };
        (!host.is_empty()).then_some(Self { scheme, host, port })
    }

    /// Whether the connection is encrypted.
    pub(super) fn is_encrypted(&self) -> bool {
        self.scheme == "https"
    }
}

/// The address that a redirect from `base` to `location` leads to.
pub(super) fn join(base: &Uri, location: &str) -> Option<Uri> {
    let location = location.split('#').next().unwrap_or_default();
    let scheme = base.scheme_str()?;
    let here = format!("{scheme}://{}", base.authority()?);
    let is_scheme =
        |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    let whole = match location.split_once(':') {
        Some((first, _)) if !first.is_empty() && is_scheme(first) => location.to_owned(),
        _ if location.starts_with("//") => format!("{scheme}:{location}"),
        _ if location.starts_with('/') => format!("{here}{location}"),
        _ if location.starts_with('?') => format!("{here}{}{location}", base.path()),
        _ => {
            let folder = base.path().rsplit_once('/').map_or("", |(folder, _)| folder);
            format!("{here}{folder}/{location}")
        }
    };
    whole.parse().ok()
}

/// `text` as a part of an address; the characters of `kept` stay as they are.
pub(super) fn quoted(text: &str, kept: &str) -> String {
    let quote = |byte: u8| match char::from(byte) {
        c if c.is_ascii_alphanumeric() || "-_.~".contains(c) || kept.contains(c) => c.to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(quote).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port_and_nothing_that_looks_like_them() {
        let origin = |text: &str| text.parse().ok().and_then(|address| Origin::of(&address));
        let hub = origin("https://hub.co").unwrap();
        for same in
            ["https://hub.co/x?y", "https://HUB.co", "https://hub.co:443/", "HTTPS://hub.co"]
        {
            assert_eq!(origin(same).as_ref(), Some(&hub), "{same}");
        }
        for other in [
            "http://hub.co",
            "https://hub.co:8443",
            "https://hub.co.evil.org",
            "https://evil.org/hub.co",
            "https://evil.org?hub.co",
            "https://hub.co.",
            "https://cdn.hub.co",
        ] {
            assert_ne!(origin(other).unwrap(), hub, "{other}");
        }
        for none in [
            "ftp://hub.co",
            "https://hub.co@evil.org",
            "https://evil@hub.co",
            "https://hub.co:99999/",
            "https://hub.co\\@evil.org",
            "file:///etc/passwd",
            "/x",
        ] {
            assert_eq!(origin(none), None, "{none}");
        }
    }

    #[test]
    fn a_location_is_read_as_browsers_do() {
        let base = "https://hub.co:8/a/resolve/main/f?q".parse().unwrap();
        for (location, expected) in [
            (
                "/api/resolve-cache/f?x=https://y",
                "https://hub.co:8/api/resolve-cache/f?x=https://y",
            ),
            ("g", "https://hub.co:8/a/resolve/main/g"),
            ("?z", "https://hub.co:8/a/resolve/main/f?z"),
            ("//cdn.org/f", "https://cdn.org/f"),
            ("http://cdn.org/f#part", "http://cdn.org/f"),
        ] {
            assert_eq!(join(&base, location), expected.parse().ok(), "{location}");
        }
        assert_eq!(join(&base, "https://a b/"), None);
    }
}
