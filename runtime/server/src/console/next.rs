//! Where a browser goes after it entered: a page of this server, whatever the address said.

/// Where it goes when nothing better is known.
const HOME: &str = "/approvals";

/// Longest path that is followed, in bytes.
const MAX_BYTES: usize = 2_000;

/// Returns the path if it is one of this server's pages, else that of the list.
///
/// Browsers read `//host`, `/\host` and paths with tabs inside as another host's, so only characters
/// that have no such meaning are let through, and `/` only once at a time.
pub(crate) fn local(path: &str) -> &str {
    let is_page = path == "/" || path.strip_prefix(HOME).is_some_and(is_below);
    if path.len() <= MAX_BYTES && is_page { path } else { HOME }
}

fn is_below(rest: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/?&=-_.~%".contains(&byte);
    (rest.is_empty() || rest.starts_with(['/', '?']))
        && rest.bytes().all(plain)
        && !rest.contains("//")
        && !rest.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_this_server_are_gone_to() {
        for path in ["/", "/approvals", "/approvals/01JABC", "/approvals?cursor=a%20b&status=x"] {
            assert_eq!(local(path), path);
        }
    }

    #[test]
    fn nothing_leads_anywhere_else() {
        for path in [
            "",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "/approvals//evil.example",
            "/approvals\\evil.example",
            "/approvals/../v1/tasks",
            "/approvals/%2e./x/../y",
            "/approvalsevil",
            "/approvals@evil.example",
            "/approvals/\r\nSet-Cookie: a=b",
            "/approvals/ü",
            "/enter?next=/approvals",
            "/leave",
            "https://evil.example/approvals",
            "javascript:alert(1)",
            "approvals",
        ] {
            assert_eq!(local(path), HOME, "{path:?}");
        }
        assert_eq!(local(&format!("/approvals/{}", "a".repeat(MAX_BYTES))), HOME);
    }
}
