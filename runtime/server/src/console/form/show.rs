//! Writing the fields.

use errand_scheduler::Fault;
use maud::{Markup, html};
use serde_json::Value;

use super::{Choice, Draft, Field, Form, Kind, TextKind};
use crate::console::html::visible;

/// So few choices are all shown; more are in a list that opens.
const MOST_RADIOS: usize = 5;

impl Form {
    /// Writes the fields, each with what was typed and what is wrong with it.
    pub(crate) fn show(&self, draft: Draft<'_>) -> Markup {
        let showing = Showing { form: self, draft };
        match &self.root.kind {
            Kind::Group(members) => html! {
                @if let Some(description) = &self.root.description { p.help { (description) } }
                @for (_, field) in members { (showing.field(field)) }
            },
            _ => showing.field(&self.root),
        }
    }

    /// Writes what is wrong, each fault with a link to its field.
    pub(crate) fn summary(&self, faults: &[Fault]) -> Markup {
        html! {
            ul {
                @for fault in faults {
                    li {
                        @match self.place_of(fault) {
                            Some(field) => {
                                a href={ "#" (field.id()) } { (field.label) ": " (visible(&fault.message)) }
                            }
                            None => {
                                @if !fault.pointer.is_empty() { (visible(&fault.pointer)) ": " }
                                (visible(&fault.message))
                            }
                        }
                    }
                }
            }
        }
    }
}

struct Showing<'a> {
    form: &'a Form,
    draft: Draft<'a>,
}

impl Showing<'_> {
    fn field(&self, field: &Field) -> Markup {
        match &field.kind {
            Kind::Group(members) => self.fieldset(
                field,
                html! {
                    @for (_, member) in members { (self.field(member)) }
                },
            ),
            Kind::Choice(choices) if choices.len() <= MOST_RADIOS => {
                self.fieldset(field, self.radios(field, choices))
            }
            Kind::Choices(choices) => self.fieldset(field, self.boxes(field, choices)),
            Kind::Switch if field.required => self.switch(field),
            Kind::Switch => {
                let choices = [true, false].map(|value| Choice {
                    label: if value { "Yes" } else { "No" }.to_owned(),
                    value: value.into(),
                });
                self.fieldset(
                    field,
                    self.radios_of(field, &choices, |_, choice| choice.value.to_string()),
                )
            }
            Kind::Fixed(value) => html! {
                div.field #(field.id()) tabindex="-1" {
                    p.label { (field.label) }
                    p.fixed { (visible(&shown(value))) }
                    (help(field))
                    (self.faults(field))
                }
            },
            _ => html! {
                div.field {
                    label for=(field.id()) { (field.label) (optional(field)) }
                    (help(field))
                    (self.faults(field))
                    (self.input(field))
                }
            },
        }
    }

    fn fieldset(&self, field: &Field, inner: Markup) -> Markup {
        html! {
            fieldset.field #(field.id()) tabindex="-1" aria-describedby=[self.described_by(field)] {
                legend { (field.label) (optional(field)) }
                (help(field))
                (self.faults(field))
                (inner)
            }
        }
    }

    fn input(&self, field: &Field) -> Markup {
        let (id, name, typed) = (field.id(), field.name(), self.typed(field));
        let described = self.described_by(field);
        let invalid = self.invalid(field);
        // What must be filled in only if something beside it is, the browser can't know.
        let required = field.always && !field.nullable;
        match &field.kind {
            Kind::Choice(choices) => html! {
                select id=(id) name=(name) required[required] aria-describedby=[described]
                    aria-invalid=[invalid] {
                    option value="" { @if field.required { "Choose…" } @else { "—" } }
                    @for (place, choice) in choices.iter().enumerate() {
                        option value=(place) selected[typed == place.to_string()] { (choice.label) }
                    }
                }
            },
            Kind::Text(TextKind::Lines) | Kind::Json => html! {
                // Browsers drop the first line's end inside.
                textarea.code[matches!(field.kind, Kind::Json)] id=(id) name=(name) rows="6"
                    required[required] aria-describedby=[described] aria-invalid=[invalid]
                    spellcheck=(if matches!(field.kind, Kind::Json) { "false" } else { "true" })
                    { "\n" (typed) }
            },
            _ => {
                let (kind, mode) = match field.kind {
                    Kind::Text(TextKind::Line(kind)) => (kind, None),
                    // An input for numbers forgets what is none, and turns under the wheel.
                    Kind::Whole => ("text", Some("numeric")),
                    _ => ("text", Some("decimal")),
                };
                html! {
                    input id=(id) name=(name) type=(kind) inputmode=[mode] value=(typed)
                        required[required] autocomplete="off" aria-describedby=[described]
                        aria-invalid=[invalid];
                }
            }
        }
    }

    fn switch(&self, field: &Field) -> Markup {
        let ticked = self.typed(field) == "true";
        html! {
            div.field {
                label.tick {
                    input id=(field.id()) type="checkbox" name=(field.name()) value="true" checked[ticked]
                        aria-describedby=[self.described_by(field)] aria-invalid=[self.invalid(field)];
                    span { (field.label) }
                }
                (help(field))
                (self.faults(field))
            }
        }
    }

    fn radios(&self, field: &Field, choices: &[Choice]) -> Markup {
        self.radios_of(field, choices, |place, _| place.to_string())
    }

    fn radios_of(
        &self,
        field: &Field,
        choices: &[Choice],
        value: impl Fn(usize, &Choice) -> String,
    ) -> Markup {
        let (name, typed) = (field.name(), self.typed(field));
        let required = field.always && !field.nullable;
        html! {
            @if !required {
                label.tick {
                    input type="radio" name=(name) value="" checked[typed.is_empty()];
                    span { "No answer" }
                }
            }
            @for (place, choice) in choices.iter().enumerate() {
                @let value = value(place, choice);
                label.tick {
                    input type="radio" name=(name) value=(value) checked[typed == value]
                        required[required];
                    span { (choice.label) }
                }
            }
        }
    }

    fn boxes(&self, field: &Field, choices: &[Choice]) -> Markup {
        let name = field.name();
        let ticked = |place: usize, choice: &Choice| match self.draft.posted {
            Some(posted) => posted.all(&name).any(|typed| typed == place.to_string()),
            None => {
                let default = field.default.as_ref().and_then(Value::as_array);
                default.is_some_and(|values| values.contains(&choice.value))
            }
        };
        html! {
            @for (place, choice) in choices.iter().enumerate() {
                label.tick {
                    input type="checkbox" name=(name) value=(place) checked[ticked(place, choice)];
                    span { (choice.label) }
                }
            }
        }
    }

    /// Returns what a field holds: what was typed, or what the schema proposes.
    fn typed(&self, field: &Field) -> String {
        if let Some(posted) = self.draft.posted {
            return posted.text(&field.name()).to_owned();
        }
        let Some(default) = &field.default else { return String::new() };
        match &field.kind {
            Kind::Choice(choices) => {
                let place = choices.iter().position(|choice| choice.value == *default);
                place.map(|place| place.to_string()).unwrap_or_default()
            }
            Kind::Json => format!("{default:#}"),
            _ => shown(default),
        }
    }

    fn faults(&self, field: &Field) -> Markup {
        let own = self.faults_of(field);
        html! {
            @if !own.is_empty() {
                div.fault id={ (field.id()) "-wrong" } {
                    @for fault in own { p { (visible(&fault.message)) } }
                }
            }
        }
    }

    fn faults_of(&self, field: &Field) -> Vec<&Fault> {
        let is_own = |fault: &&Fault| {
            self.form.place_of(fault).is_some_and(|place| place.number == field.number)
        };
        self.draft.faults.iter().filter(is_own).collect()
    }

    fn invalid(&self, field: &Field) -> Option<&'static str> {
        (!self.faults_of(field).is_empty()).then_some("true")
    }

    fn described_by(&self, field: &Field) -> Option<String> {
        let wrong = self.invalid(field).map(|_| format!("{}-wrong", field.id()));
        let help = has_help(field).then(|| format!("{}-help", field.id()));
        let ids: Vec<String> = wrong.into_iter().chain(help).collect();
        (!ids.is_empty()).then(|| ids.join(" "))
    }
}

fn has_help(field: &Field) -> bool {
    field.description.is_some() || field.hint.is_some()
}

fn help(field: &Field) -> Markup {
    html! {
        @if has_help(field) {
            div.help id={ (field.id()) "-help" } {
                @if let Some(description) = &field.description { p { (description) } }
                @if let Some(hint) = &field.hint { p.hint { (hint) } }
            }
        }
    }
}

fn optional(field: &Field) -> Markup {
    html! { @if !field.required { span.optional { " (optional)" } } }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
