//! What Markdown becomes, and what it can't be made to become.

use std::time::Instant;

use errand_scheduler::{Random, SeededRandom};

use super::*;

fn html(text: &str) -> String {
    markdown(text).into_string()
}

/// Every tag that may come out, with every attribute that it may have.
const ALLOWED: &[(&str, &[&str])] = &[
    ("a", &["rel", "href"]),
    ("span", &["class"]),
    ("div", &["class", "tabindex"]),
    ("pre", &["tabindex"]),
    ("ol", &["start"]),
    ("th", &["scope", "class"]),
    ("td", &["class"]),
    ("p", &["class"]),
    ("code", &[]),
    ("br", &[]),
    ("hr", &[]),
    ("h3", &[]),
    ("h4", &[]),
    ("h5", &[]),
    ("h6", &[]),
    ("blockquote", &[]),
    ("ul", &[]),
    ("li", &[]),
    ("em", &[]),
    ("strong", &[]),
    ("del", &[]),
    ("table", &[]),
    ("thead", &[]),
    ("tbody", &[]),
    ("tr", &[]),
];

/// Reads HTML as strictly as it is written here: anything but allowed tags, balanced, is a fault.
#[track_caller]
fn check(html: &str) {
    let mut open: Vec<String> = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        let text = &rest[..at];
        assert!(!text.contains('>') && !text.contains('"'), "unescaped text {text:?}");
        let end = at + rest[at..].find('>').expect("tags end");
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "unbalanced");
            continue;
        }
        let (name, mut attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        let known = ALLOWED.iter().find(|(allowed, _)| *allowed == name);
        let (_, known) = known.unwrap_or_else(|| panic!("<{name}> in {html}"));
        while let Some((attribute, value)) = attributes.split_once("=\"") {
            assert!(known.contains(&attribute.trim()), "{attribute} of {name}");
            let (value, further) = value.split_once('"').expect("values end");
            if attribute.trim() == "href" {
                let safe = ["https://", "http://", "mailto:"];
                let lower = value.to_ascii_lowercase();
                assert!(safe.iter().any(|safe| lower.starts_with(safe)), "{value}");
            }
            attributes = further;
        }
        assert_eq!(attributes, "", "of {name}");
        if !matches!(name, "br" | "hr") {
            open.push(name.to_owned());
        }
    }
    assert!(open.is_empty(), "{open:?} stay open");
}

#[test]
fn what_people_write_reads_well() {
    for (text, expected) in [
        ("# Title", "<h3>Title</h3>"),
        ("###### Deep", "<h6>Deep</h6>"),
        (
            "*a* **b** ~~c~~ `d<`",
            "<p><em>a</em> <strong>b</strong> <del>c</del> <code>d&lt;</code></p>",
        ),
        ("3. a\n4. b", "<ol start=\"3\"><li>a</li><li>b</li></ol>"),
        (
            "- [x] a\n- [ ] b",
            "<ul><li><span class=\"tick\">☑</span> a</li><li><span class=\"tick\">☐</span> b</li></ul>",
        ),
        ("> a\n\n---", "<blockquote><p>a</p></blockquote><hr>"),
        (
            "```rust\nlet a = 1 < 2;\n```",
            "<pre tabindex=\"0\"><code>let a = 1 &lt; 2;\n</code></pre>",
        ),
        ("a & b  \nc", "<p>a &amp; b<br>c</p>"),
    ] {
        let written = html(text);
        assert_eq!(written, expected);
        check(&written);
    }
}

#[test]
fn tables_keep_their_alignment() {
    let written = html("| a | b | c |\n|---|--:|:-:|\n| 1 | 2 | 3 |");
    check(&written);
    assert_eq!(
        written,
        "<div class=\"wide\" tabindex=\"0\"><table><thead><tr><th scope=\"col\">a</th>\
         <th scope=\"col\" class=\"right\">b</th><th scope=\"col\" class=\"center\">c</th></tr></thead>\
         <tbody><tr><td>1</td><td class=\"right\">2</td><td class=\"center\">3</td></tr></tbody>\
         </table></div>"
    );
}

#[test]
fn at_every_depth_tags_are_balanced() {
    for depth in 0..2 * MAX_DEPTH {
        let quotes = "> ".repeat(depth);
        for text in
            ["|a|b|\n|-|-|\n|1|2|", "- a\n    1. b", "```\na\n```", "[*a*](https://b.example)"]
        {
            let lines: Vec<String> = text.lines().map(|line| format!("{quotes}{line}")).collect();
            check(&html(&lines.join("\n")));
        }
    }
}

#[test]
fn links_say_where_they_lead() {
    let link = |to: &str| format!("<a rel=\"noopener noreferrer nofollow\" href=\"{to}\">");
    for (text, to, expected) in [
        (
            "[bank](https://evil.example/x)",
            "https://evil.example/x",
            "bank</a> <span class=\"host\">(evil.example)</span>",
        ),
        (
            "[a](https://bank.example@evil.example)",
            "https://bank.example@evil.example",
            "a</a> <span class=\"host\">(evil.example)</span>",
        ),
        (
            "[a](https://evil.example\\\\@bank.example)",
            "https://evil.example\\@bank.example",
            "a</a> <span class=\"host\">(evil.example)</span>",
        ),
        (
            "<https://a.example/?b&c>",
            "https://a.example/?b&amp;c",
            "https://a.example/?b&amp;c</a>",
        ),
        ("see https://a.example/b_c_d.", "https://a.example/b_c_d", "https://a.example/b_c_d</a>."),
        ("(https://a.example/b_(c))", "https://a.example/b_(c)", "https://a.example/b_(c)</a>)"),
        (
            "[m](mailto:a@b.example)",
            "mailto:a@b.example",
            "m</a> <span class=\"host\">(a@b.example)</span>",
        ),
        (
            "![alt](https://a.example/p.png)",
            "https://a.example/p.png",
            "<span class=\"picture\">picture</span> alt</a> <span class=\"host\">(a.example)</span>",
        ),
    ] {
        let written = html(text);
        check(&written);
        assert!(written.contains(&(link(to) + expected)), "{text}: {written}");
    }
}

#[test]
fn nothing_but_safe_tags_comes_out() {
    for text in [
        "<script>alert(1)</script>",
        "<scr<script>ipt>alert(1)</script>",
        "a <img src=x onerror=alert(1)> b",
        "<svg/onload=alert(1)>",
        "<svg><style><img src=x onerror=alert(1)></style></svg>",
        "<math><mtext></table><mglyph><style><!--</style><img title=\"--><img src onerror=alert(1)>\">",
        "<iframe srcdoc='<script>alert(1)</script>'>",
        "<a href=\"javascript:alert(1)\" onclick=alert(1)>x</a>",
        "<form action=https://evil.example><input name=csrf>",
        "<base href=https://evil.example>",
        "<meta http-equiv=refresh content=\"0;url=https://evil.example\">",
        "<style>*{display:none}</style>",
        "<link rel=stylesheet href=https://evil.example>",
        "<!-- a comment --><b>x</b>",
        "<!--[if IE]><script>alert(1)</script><![endif]-->",
        "<![CDATA[<script>alert(1)</script>]]>",
        "<?php echo 1 ?>",
        "<!DOCTYPE html><html><body onload=alert(1)>",
        "</main></body><script>alert(1)</script>",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "&#60;script&#62;alert(1)&#x3c;/script&#x3e;",
        "[a](javascript:alert(1))",
        "[a](JaVaScRiPt:alert(1))",
        "[a](java\tscript:alert(1))",
        "[a](<java\nscript:alert(1)>)",
        "[a](&#106;avascript:alert(1))",
        "[a](&#x6A;&#x61;vascript&colon;alert(1))",
        "[a](javascript&#58;alert(1))",
        "[a]( javascript:alert(1))",
        "[a](\u{1}javascript:alert(1))",
        "[a](\u{a0}javascript:alert(1))",
        "[a](javascript%3Aalert(1))",
        "[a](//evil.example)",
        "[a](/v1/tokens)",
        "[a](#content)",
        "[a](vbscript:msgbox(1))",
        "[a](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
        "[a](data:image/svg+xml,<svg/onload=alert(1)>)",
        "[a](file:///etc/passwd)",
        "[a](blob:https://x/y)",
        "[a](view-source:https://x)",
        "[a](https://x\" onmouseover=\"alert(1))",
        "[a](https://x/\"onmouseover=alert(1)//)",
        "[a](https://x 'title\" onmouseover=\"alert(1)')",
        "[a](https://x/&quot;onmouseover=alert(1)//)",
        "[a](<https://x/ onmouseover=alert(1)>)",
        "[a](https://x/<script>)",
        "[a][b]\n\n[b]: javascript:alert(1) \"t\"",
        "[b]: https://x \"\\\" onload=alert(1)\"\n\n[b]",
        "<javascript:alert(1)>",
        "<data:text/html,x>",
        "<https://x\"onmouseover=alert(1)>",
        "<a@b.example\"onclick=alert(1)>",
        "![a](javascript:alert(1))",
        "![<script>](https://x/p.png\"onerror=alert(1))",
        "![a\" onerror=\"alert(1)](x)",
        "![a [b](https://c.example) d](https://e.example)",
        "[![a](https://b.example)](https://c.example)",
        "[a https://b.example c](https://d.example)",
        "https://x\"onmouseover=alert(1)",
        "https://x'onmouseover=alert(1)",
        "https://x<script>alert(1)</script>",
        "https://a&quot;onclick=alert(1)",
        "`<script>`",
        "```\"><script>alert(1)</script>\nx\n```",
        "```<script> x\ny\n```",
        "    <script>alert(1)</script>",
        "| <script> | b |\n|---|---|\n| \" onload=x | [a](javascript:1) |",
        "# <script>alert(1)</script> {#x onclick=alert(1) .y}",
        "\u{0}<script\u{0}>",
        "<\u{0}script>alert(1)</script>",
        "\u{fffe}<script>",
        "- <script>\n  - <script>\n\n    <script>",
        "> <script>\n> <!--\n\n-->",
        "*[a](javascript:alert(1))*",
        "[<b>x](https://a.example)</b>",
        "**a*b**c*~~d**~~",
    ] {
        let written = html(text);
        check(&written);
        assert!(!written.contains("<script"), "{text}: {written}");
    }
}

#[test]
fn nor_does_anything_else_come_out_of_what_nobody_thought_of() {
    const PIECES: &[&str] = &[
        "<",
        ">",
        "\"",
        "'",
        "&",
        "`",
        "```",
        "~~~",
        "*",
        "**",
        "_",
        "~~",
        "[",
        "]",
        "(",
        ")",
        "![",
        "](",
        "](https://a.example",
        "](javascript:x",
        "<https://b.example>",
        "https://c.example",
        "http://",
        "mailto:",
        "<script>",
        "</script>",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "<?",
        "?>",
        "<a href=\"",
        "onclick=\"x\"",
        "&lt;",
        "&#60;",
        "&quot;",
        "\\",
        "|",
        "|-|-|",
        "---",
        "===",
        "#",
        "> ",
        "- ",
        "1. ",
        "    ",
        "\t",
        "\n",
        "\n\n",
        " ",
        "a",
        "é",
        "\u{202e}",
        "\0",
        "[x] ",
        "[b]: https://d.example",
        "[b]",
        "\r\n",
        "@",
        "www.",
        ".",
        ",",
    ];
    let random = SeededRandom::new(11);
    let mut bytes = [0; 60];
    for _ in 0..4_000 {
        random.fill(&mut bytes);
        let pieces = bytes.iter().map(|byte| PIECES[usize::from(*byte) % PIECES.len()]);
        check(&html(&pieces.collect::<String>()));
    }
}

#[test]
fn what_is_not_shown_otherwise_is_shown() {
    let written = html("pay a\u{202e}b [c](https://d.example/\u{202e}x) `e\u{200b}`");
    check(&written);
    assert_eq!(written, "<p>pay a⟨U+202E⟩b c <code>e⟨U+200B⟩</code></p>");
}

#[test]
fn bombs_end_soon_and_stay_small() {
    let long = 1 << 20;
    let row = |cells: usize| "|a".repeat(cells) + "|\n";
    let table = row(1_000) + &"|-".repeat(1_000) + "|\n" + &"|b\n".repeat(20_000);
    let references =
        format!("[a]: https://x.example/{}\n\n", "y".repeat(20_000)) + &"[a] ".repeat(10_000);
    for (what, text) in [
        ("quotes", "> ".repeat(long)),
        ("lists", "- ".repeat(long)),
        ("nested list", (0..500).map(|depth| "  ".repeat(depth) + "- a\n").collect()),
        ("stars", "*a ".repeat(long)),
        ("pairs of stars", "**a*b ".repeat(long)),
        ("closers", "a** ".repeat(long)),
        ("underscores", "_".repeat(long)),
        ("brackets", "[".repeat(long)),
        ("links", "[a](".repeat(long)),
        ("nested links", "[".repeat(20_000) + &"](https://a.example)".repeat(2_000)),
        ("pictures", "![".repeat(long)),
        ("backticks", (1..400).map(|count| "`".repeat(count) + " ").collect()),
        ("comments", "<!--".repeat(long)),
        ("processing", "<?".repeat(long)),
        ("declarations", "<!A".repeat(long)),
        ("tags", "<a ".repeat(long)),
        ("entities", "&amp;".repeat(long)),
        ("addresses", "http".repeat(long)),
        ("addresses with brackets", "http://a)".repeat(long)),
        ("hidden addresses", "http://a\u{202e}".repeat(long)),
        ("no addresses", "http://-".repeat(long)),
        ("one address", "http://a".to_owned() + &")".repeat(60_000)),
        ("table", table),
        ("references", references),
        ("rulers", "---\n".repeat(long)),
        ("hidden", "\u{202e}".repeat(long)),
    ] {
        let begun = Instant::now();
        let written = html(&text);
        let took = begun.elapsed();
        check(&written);
        assert!(took.as_secs() < 5, "{what} took {took:?}");
        assert!(written.len() < MAX_HTML_BYTES + (200 << 10), "{what}: {} bytes", written.len());
        let deepest = written.split("</").next().unwrap_or_default();
        assert!(deepest.matches("<blockquote>").count() <= MAX_DEPTH, "{what}");
    }
}

#[test]
fn a_text_that_is_cut_says_so() {
    assert!(!html(&"a".repeat(MAX_BYTES)).contains("goes on"));
    let written = html(&"é".repeat(MAX_BYTES));
    assert!(written.ends_with("too long to be shown.</p>"), "{}", &written[written.len() - 80..]);
}
