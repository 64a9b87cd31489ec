//! The standard's rules, with its own examples: RFC 9309.

use fetch::Robots;

const US: &str = "errand-fetch";

fn allows(text: &str, path: &str) -> bool {
    Robots::for_robot(text.as_bytes(), US).allows(path)
}

#[test]
fn nothing_said_is_everything_allowed() {
    for text in [
        "",
        "\n\n",
        "Sitemap: https://example.com/s.xml",
        "<html>not found</html>",
        "user-agent: *\ndisallow:",
    ] {
        assert!(allows(text, "/any/page?q=1"), "{text:?}");
    }
}

#[test]
fn the_group_that_names_us_counts_and_not_the_one_for_everybody() {
    let text = "User-agent: *\nDisallow: /\n\nUser-Agent: Errand-Fetch/2.0\nDisallow: /private # not this\n";
    assert!(allows(text, "/page"));
    assert!(!allows(text, "/private/page"));
    assert!(!Robots::for_robot(text.as_bytes(), "other").allows("/page"));
}

#[test]
fn a_group_for_us_without_rules_allows_everything() {
    assert!(allows("user-agent: errand-fetch\ndisallow:\nuser-agent: *\ndisallow: /", "/page"));
}

#[test]
fn a_name_is_a_whole_one() {
    assert!(allows("user-agent: errand\ndisallow: /", "/page"));
    assert!(allows("user-agent: errand-fetcher\ndisallow: /", "/page"));
}

#[test]
fn groups_of_one_name_are_one_and_several_names_share_a_group() {
    let text = "user-agent: a\nuser-agent: errand-fetch\ndisallow: /one\n\
                user-agent: b\ndisallow: /two\n\
                user-agent: errand-fetch\nuser-agent: c\ndisallow: /three\n";
    assert!(!allows(text, "/one") && allows(text, "/two") && !allows(text, "/three"));
}

#[test]
fn other_lines_end_no_group() {
    let text = "user-agent: errand-fetch\nsitemap: https://example.com/s\nuser-agent: b\ncrawl-delay: 9\ndisallow: /x";
    assert!(!allows(text, "/x"));
}

#[test]
fn rules_before_any_name_are_for_nobody() {
    assert!(allows("disallow: /\nuser-agent: other\ndisallow: /", "/page"));
}

/// RFC 9309, section 5.2.
#[test]
fn the_longest_rule_counts() {
    let text = "User-Agent: *\nAllow: /example/page/\nDisallow: /example/page/disallowed.gif\n";
    assert!(allows(text, "/example/page/allowed.gif"));
    assert!(!allows(text, "/example/page/disallowed.gif"));
    assert!(
        allows("user-agent: *\ndisallow: /page\nallow: /page", "/page"),
        "of two the kinder one"
    );
}

/// RFC 9309, section 5.1, the part with `*` and `$`.
#[test]
fn patterns_have_wild_cards_and_an_end() {
    let text = "User-Agent: *\nDisallow: *.gif$\nDisallow: /example/\nAllow: /publications/\n";
    assert!(!allows(text, "/a/b.gif") && allows(text, "/a/b.gif?x") && !allows(text, "/example/x"));
    assert!(allows(text, "/publications/x"));
    let one =
        |pattern: &str, path: &str| !allows(&format!("user-agent: *\ndisallow: {pattern}"), path);
    assert!(one("/fish*", "/fish") && one("/fish*", "/fishheads") && !one("/fish*", "/Fish"));
    assert!(one("/a*b*c$", "/a1b2b3c") && !one("/a*b*c$", "/a1b2b3c4") && one("/a*a$", "/aa"));
    assert!(!one("/ab*b$", "/ab") && one("/*?", "/x?y") && one("/x$", "/x") && !one("/x$", "/xy"));
    assert!(one("/a$b", "/a$bc"), "a dollar elsewhere is itself");
}

/// RFC 9309, section 2.2.2: what is compared, octet by octet.
#[test]
fn paths_are_compared_in_one_encoding() {
    let one =
        |pattern: &str, path: &str| !allows(&format!("user-agent: *\ndisallow: {pattern}"), path);
    assert!(one("/foo/bar/ツ", "/foo/bar/%E3%83%84"));
    assert!(one("/foo/bar/%E3%83%84", "/foo/bar/%e3%83%84"));
    assert!(one("/foo/bar/%62%61%7A", "/foo/bar/baz"));
    assert!(!one("/a%2Fb", "/a/b"), "an encoded slash is no slash");
}

#[test]
fn robots_txt_itself_may_be_asked_for() {
    assert!(allows("user-agent: *\ndisallow: /", "/robots.txt"));
}

#[test]
fn what_comes_after_the_bound_and_broken_bytes_do_no_harm() {
    let mut text = b"\xef\xbb\xbfuser-agent: *\r\ndisallow: /a\r\n".to_vec();
    text.extend(b"disallow: /\xff\xfe%\r%zz:%%\r\ndisallow: /b%\n");
    text.extend("#".repeat(600 * 1024).into_bytes());
    text.extend(b"\ndisallow: /late");
    let robots = Robots::for_robot(&text, US);
    assert!(
        !robots.allows("/a")
            && !robots.allows("/b%")
            && robots.allows("/late")
            && robots.allows("/%")
    );
}

/// Patterns with many wild cards are matched in the time that their lengths say, not their number.
#[test]
fn a_hostile_pattern_ends() {
    let text = format!("user-agent: *\ndisallow: /{}$", "*a".repeat(20_000));
    assert!(allows(&text, &format!("/{}b", "a".repeat(30_000))));
}
