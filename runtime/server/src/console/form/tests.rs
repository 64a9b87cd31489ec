//! From a schema to a form, and from what is posted to a value.

use serde_json::json;

use super::*;

fn deploy() -> Value {
    json!({
        "type": "object",
        "title": "Deployment",
        "properties": {
            "environment": {"type": "string", "enum": ["staging", "production"]},
            "replicas": {"type": "integer", "minimum": 1, "maximum": 9, "default": 2},
            "share": {"type": "number", "exclusiveMinimum": 0},
            "notify": {"type": "boolean"},
            "dry_run": {"type": "boolean", "default": true},
            "reason": {"type": "string", "title": "Why <now>?", "description": "For the \"log\"", "maxLength": 40},
            "notes": {"type": "string", "maxLength": 4000},
            "regions": {"type": "array", "items": {"enum": ["eu", "us"]}, "uniqueItems": true},
            "window": {
                "type": "object",
                "properties": {
                    "from": {"type": "string", "format": "date-time"},
                    "zone": {"type": "object", "properties": {"name": {"type": "string"}}}
                },
                "required": ["from"]
            },
            "kind": {"const": "deploy"}
        },
        "required": ["environment", "notify", "reason", "kind"]
    })
}

fn posted(form: &str) -> Posted {
    Posted::parse(form.as_bytes())
}

fn read(schema: Value, form: &str) -> Result<Value, Vec<(String, String)>> {
    let pair = |fault: Fault| (fault.pointer, fault.message);
    let faults = |faults: Vec<Fault>| faults.into_iter().map(pair).collect();
    Form::of(&schema).read(&posted(form)).map_err(faults)
}

fn show(schema: &Value, posted: Option<&Posted>, faults: &[Fault]) -> String {
    Form::of(schema).show(Draft { posted, faults }).into_string()
}

/// Tells whether a schema is shown as one text of JSON.
fn is_json(schema: Value) -> bool {
    matches!(Form::of(&schema).root.kind, Kind::Json)
}

#[test]
fn what_is_filled_in_becomes_a_value_of_the_right_types() {
    let form = "v/environment=1&v/replicas=3&v/share=0.5&v/notify=true&v/dry_run=false&v/reason=because\
         &v/notes=a%0D%0Ab&v/regions=1&v/regions=0&v/regions=1&v/window/from=now&v/window/zone/name=UTC\
         &decision=approve&comment=x";
    assert_eq!(
        read(deploy(), form).unwrap(),
        json!({
            "environment": "production", "replicas": 3, "share": 0.5, "notify": true,
            "dry_run": false, "reason": "because", "notes": "a\nb", "regions": ["us", "eu"],
            "window": {"from": "now", "zone": {"name": "UTC"}}, "kind": "deploy"
        })
    );
}

#[test]
fn what_is_left_empty_is_absent() {
    let form =
        "v/environment=0&v/replicas=&v/dry_run=&v/reason=x&v/window/from=&v/window/zone/name=";
    let expected =
        json!({"environment": "staging", "notify": false, "reason": "x", "kind": "deploy"});
    assert_eq!(read(deploy(), form).unwrap(), expected);
}

#[test]
fn what_is_needed_or_wrong_is_said_where_it_is() {
    let form = "v/environment=7&v/replicas=two&v/share=inf&v/window/zone/name=UTC&v/regions=x";
    let mut places: Vec<String> =
        read(deploy(), form).unwrap_err().into_iter().map(|(place, _)| place).collect();
    places.sort();
    let expected = ["/environment", "/reason", "/regions", "/replicas", "/share", "/window/from"];
    assert_eq!(places, expected);
}

#[test]
fn numbers_are_read_as_people_write_them() {
    let number = |typed: &str| read(json!({"type": "number"}), &format!("v={typed}")).ok();
    for (typed, value) in [
        ("1", json!(1)),
        ("%2B7", json!(7)),
        ("+-3+", json!(-3)),
        ("0.25", json!(0.25)),
        (".5", json!(0.5)),
        ("1e3", json!(1000.0)),
        ("18446744073709551615", json!(u64::MAX)),
    ] {
        assert_eq!(number(typed), Some(value), "{typed}");
    }
    for typed in ["", "NaN", "inf", "1,5", "1e999", "0x10", "1 2", "-", "e"] {
        assert_eq!(number(typed), None, "{typed}");
    }
    let whole = |typed: &str| read(json!({"type": "integer"}), &format!("v={typed}"));
    assert_eq!(whole("-9223372036854775808"), Ok(json!(i64::MIN)));
    assert_eq!(whole("18446744073709551616").unwrap_err()[0].1, "is too large");
    assert!(whole("1.5").is_err() && whole("1e3").is_err());
}

#[test]
fn null_is_given_where_absence_is_not_taken() {
    let schema = json!({
        "type": "object",
        "properties": {
            "a": {"type": ["string", "null"]},
            "b": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": null},
            "c": {"type": ["integer", "null"]}
        },
        "required": ["a", "b"]
    });
    assert_eq!(read(schema.clone(), "").unwrap(), json!({"a": null, "b": null}));
    assert_eq!(read(schema, "v/a=x&v/b=1&v/c=2").unwrap(), json!({"a": "x", "b": 1, "c": 2}));
}

#[test]
fn references_inside_are_followed() {
    let schema = json!({
        "$defs": {
            "Size": {"type": "string", "enum": ["S", "L"], "title": "A size"},
            "Alias": {"$ref": "#/$defs/Size"}
        },
        "type": "object",
        "properties": {"size": {"$ref": "#/$defs/Alias", "title": "Shirt"}}
    });
    assert_eq!(read(schema.clone(), "v/size=1").unwrap(), json!({"size": "L"}));
    assert!(show(&schema, None, &[]).contains("Shirt"));
}

#[test]
fn choices_keep_their_types_and_names() {
    let schema = json!({"oneOf": [{"const": 1, "title": "One"}, {"const": "1", "title": "Text"}]});
    assert_eq!(read(schema.clone(), "v=0").unwrap(), json!(1));
    assert_eq!(read(schema.clone(), "v=1").unwrap(), json!("1"));
    assert!(show(&schema, None, &[]).contains("<span>Text</span>"));
}

#[test]
fn what_no_field_covers_is_one_text_of_json() {
    let of = |property: Value| json!({"type": "object", "properties": {"a": property}});
    for schema in [
        json!(true),
        json!({}),
        json!({"type": "object"}),
        json!({"type": "array", "items": {"type": "object"}}),
        of(json!({})),
        of(json!({"type": ["string", "integer"]})),
        of(json!({"type": "array", "items": {"type": "string"}})),
        of(json!({"$ref": "#/$defs/none"})),
        of(json!({"$ref": "https://evil.example/schema"})),
        of(json!({"$ref": "#"})),
        of(json!({"anyOf": [{"type": "string"}, {"type": "integer"}]})),
        of(json!({"type": "object", "additionalProperties": {"type": "string"}, "properties": {}})),
        of(of(of(of(json!({"type": "string"}))))),
        json!({"type": "object", "properties": {}, "required": ["b"]}),
        json!({"type": "object", "properties": {"a\u{202e}": {"type": "string"}}}),
        json!({"$ref": "#"}),
        json!({"allOf": [{"type": "object"}]}),
        json!({"enum": []}),
    ] {
        assert!(is_json(schema.clone()), "{schema}");
    }
    let many: serde_json::Map<String, Value> =
        (0..200).map(|at| (format!("f{at}"), json!({"type": "string"}))).collect();
    assert!(is_json(json!({"type": "object", "properties": many})));
    assert!(!is_json(of(of(of(json!({"type": "string"}))))));

    assert_eq!(read(json!({}), "v=%7B%22a%22:[1]%7D").unwrap(), json!({"a": [1]}));
    assert!(read(json!({}), "v=%7B").unwrap_err()[0].1.starts_with("is no JSON"));
    assert_eq!(read(json!({}), "").unwrap_err(), [(String::new(), "is needed".to_owned())]);
}

#[test]
fn a_schema_that_unfolds_without_end_is_read_soon() {
    let schema = json!({
        "$defs": {"x": {"type": "object", "properties": {
            "a": {"$ref": "#/$defs/x"}, "b": {"$ref": "#/$defs/x"}, "c": {"$ref": "#/$defs/x"}
        }}},
        "$ref": "#/$defs/x"
    });
    assert!(is_json(schema));
    assert!(is_json(json!({"$ref": "#/$defs/x", "$defs": {"x": {"$ref": "#/$defs/x"}}})));
}

#[test]
fn a_form_without_fields_is_an_empty_object() {
    let schema = json!({"type": "object", "properties": {}});
    assert_eq!(read(schema.clone(), "decision=approve").unwrap(), json!({}));
    assert_eq!(show(&schema, None, &[]), "");
}

#[test]
fn fields_are_labelled_and_texts_escaped() {
    let page = show(&deploy(), None, &[]);
    for part in [
        r#"<label for="f3">Why &lt;now&gt;?</label>"#,
        r#"<p>For the &quot;log&quot;</p><p class="hint">At most 40 characters</p>"#,
        r#"name="v/replicas" type="text" inputmode="numeric" value="2""#,
        r#"aria-describedby="f3-help""#,
        r#"<p class="fixed">deploy</p>"#,
        r#"value="true" checked"#,
        r#"type="checkbox" name="v/regions" value="0""#,
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    // The parts of an optional object are not forced on who leaves it out.
    let from = page.split("v/window/from").nth(1).unwrap().split('>').next().unwrap();
    assert!(!from.contains("required"), "{from}");
    let hostile = json!({"type": "object", "properties": {"\"><script>": {
        "type": "string", "title": "</label><script>", "default": "\"><script>", "pattern": "<script>",
    }}});
    let page = show(&hostile, None, &[]);
    assert!(!page.contains("<script"), "{page}");
}

#[test]
fn what_was_typed_is_kept_beside_what_is_wrong_with_it() {
    let typed =
        posted("v/environment=1&v/replicas=tw%22o&v/regions=1&v/notify=true&v/reason=%3Cb%3E");
    let faults = [
        Fault::new("/replicas", "must be a whole number"),
        Fault::new("/regions/0", "is <not> ours"),
        Fault::new("/window/zone/other", "is not known"),
        Fault::new("", "is \"wrong\" as a whole"),
    ];
    let page = show(&deploy(), Some(&typed), &faults);
    for part in [
        r#"value="tw&quot;o""#,
        r#"aria-invalid="true""#,
        r#"<p>must be a whole number</p>"#,
        r#"<p>is &lt;not&gt; ours</p>"#,
        r#"name="v/regions" value="1" checked"#,
        r#"value="&lt;b&gt;""#,
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    // Nothing is proposed again that was taken out.
    assert!(!page.contains(r#"name="v/regions" value="0" checked"#));
    let summary = Form::of(&deploy()).summary(&faults).into_string();
    assert!(summary.contains("\">Zone: is not known</a>"), "{summary}");
    assert!(summary.contains("<li>is &quot;wrong&quot; as a whole</li>"), "{summary}");
}

#[test]
fn every_name_posted_is_the_forms_own() {
    let schema = json!({"type": "object", "properties": {
        "csrf": {"type": "string"}, "decision": {"type": "string"}, "a/b~c": {"type": "string"}
    }});
    let value = read(schema, "csrf=1&decision=approve&v/decision=x&v/a~1b~0c=y").unwrap();
    assert_eq!(value, json!({"decision": "x", "a/b~c": "y"}));
}
