//! Data forms (XEP-0004, with the `FORM_TYPE` of XEP-0068): questions and answers as plain strings. Must not know what a
//! field means; next: whoever the form's type belongs to.

use minidom::Element;

use crate::element::{Build, attr, child_text, el, parse_bool};
use crate::ns;
use crate::payload::bad_request;
use crate::stanza_error::StanzaError;

/// A form, with its `FORM_TYPE` taken out of the fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// Asked, answered, called off or reported.
    pub kind: FormKind,
    /// Which registered set of fields this is (XEP-0068).
    pub form_type: Option<String>,
    /// What it is called, for people.
    pub title: Option<String>,
    /// Fields in order, each with a name.
    pub fields: Vec<Field>,
}

/// What a form is for (XEP-0004 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FormKind {
    /// To be filled in.
    Form,
    /// Filled in.
    Submit,
    /// Called off.
    Cancel,
    /// Data, reported.
    Result,
}

/// One field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub var: String,
    /// Its type; `text-single` if none was said.
    pub kind: FieldKind,
    /// For people.
    pub label: Option<String>,
    /// What is filled in.
    pub values: Vec<String>,
    /// What may be chosen.
    pub options: Vec<FieldOption>,
    /// Whether it must be filled in.
    pub required: bool,
}

/// One choice of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldOption {
    /// For people.
    pub label: Option<String>,
    /// What is sent.
    pub value: String,
}

/// Writes an enum whose variants are words on the wire.
macro_rules! words {
    ($name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)* }, $type_doc:literal) => {
        #[doc = $type_doc]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// The word on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word,)* }
            }

            /// The variant of a word, if there is one.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some($name::$variant),)* _ => None }
            }
        }
    };
}
pub(crate) use words;

words! {
    FieldKind {
        /// Yes or no.
        Boolean = "boolean",
        /// Text that is not asked for.
        Fixed = "fixed",
        /// Not shown.
        Hidden = "hidden",
        /// Several addresses.
        JidMulti = "jid-multi",
        /// One address.
        JidSingle = "jid-single",
        /// Several of the options.
        ListMulti = "list-multi",
        /// One of the options.
        ListSingle = "list-single",
        /// Several lines.
        TextMulti = "text-multi",
        /// One line, not shown.
        TextPrivate = "text-private",
        /// One line.
        TextSingle = "text-single",
    },
    "The type of a field (XEP-0004 §3.3)."
}

impl FormKind {
    fn as_str(self) -> &'static str {
        match self {
            FormKind::Form => "form",
            FormKind::Submit => "submit",
            FormKind::Cancel => "cancel",
            FormKind::Result => "result",
        }
    }
}

impl Form {
    /// A form without fields.
    pub fn new(kind: FormKind, form_type: &str) -> Self {
        Form {
            kind,
            form_type: Some(form_type.to_owned()),
            title: None,
            fields: Vec::new(),
        }
    }

    /// The same with one more field.
    pub fn with(mut self, field: Field) -> Self {
        self.fields.push(field);
        self
    }

    /// Parses `<x xmlns='jabber:x:data'/>`. Fields without a name (type `fixed`) are left out; fields of an unknown type
    /// are read as text. `bad-request` if the form's own type is unknown.
    pub fn parse(el: &Element) -> Result<Form, StanzaError> {
        let kind = match el.attr("type") {
            Some("form") => FormKind::Form,
            Some("submit") => FormKind::Submit,
            Some("cancel") => FormKind::Cancel,
            Some("result") => FormKind::Result,
            _ => return Err(bad_request("a data form without a known type")),
        };
        let mut form = Form {
            kind,
            form_type: None,
            title: child_text(el, "title"),
            fields: Vec::new(),
        };
        for field in el
            .children()
            .filter(|child| child.is("field", ns::XDATA))
            .filter_map(Field::parse)
        {
            match field.var.as_str() {
                "FORM_TYPE" if form.form_type.is_none() => form.form_type = field.values.into_iter().next(),
                _ => form.fields.push(field),
            }
        }
        Ok(form)
    }

    /// The form among an element's children, if there is one.
    pub fn find(parent: &Element) -> Result<Option<Form>, StanzaError> {
        parent.get_child("x", ns::XDATA).map(Form::parse).transpose()
    }

    /// `<x xmlns='jabber:x:data'/>`. A submitted form's fields need no type (XEP-0004 §3.2).
    pub fn to_element(&self) -> Element {
        let form_type = self
            .form_type
            .as_deref()
            .map(|value| Field::new(FieldKind::Hidden, "FORM_TYPE").value(value));
        let fields = form_type
            .iter()
            .chain(&self.fields)
            .map(|field| field.to_element(self.kind));
        let title = self.title.as_deref();
        el("x", ns::XDATA)
            .set("type", self.kind.as_str())
            .children_from(title.map(|title| el("title", ns::XDATA).with_text(title)))
            .children_from(fields)
    }

    /// All values of a field, `None` if there is no such field.
    pub fn values(&self, var: &str) -> Option<&[String]> {
        self.fields
            .iter()
            .find(|field| field.var == var)
            .map(|field| field.values.as_slice())
    }

    /// The first value of a field.
    pub fn value(&self, var: &str) -> Option<&str> {
        self.values(var)?.first().map(String::as_str)
    }

    /// The value of a boolean field: `true`, `1`, `false` or `0`.
    pub fn boolean(&self, var: &str) -> Option<bool> {
        parse_bool(self.value(var)?)
    }
}

impl Field {
    /// A field without a value.
    pub fn new(kind: FieldKind, var: &str) -> Self {
        Field {
            var: var.to_owned(),
            kind,
            label: None,
            values: Vec::new(),
            options: Vec::new(),
            required: false,
        }
    }

    /// The same with a label.
    pub fn label(mut self, label: &str) -> Self {
        self.label = Some(label.to_owned());
        self
    }

    /// The same with one more value.
    pub fn value(mut self, value: impl Into<String>) -> Self {
        self.values.push(value.into());
        self
    }

    /// The same with one more option.
    pub fn option(mut self, label: Option<&str>, value: &str) -> Self {
        self.options.push(FieldOption {
            label: label.map(str::to_owned),
            value: value.to_owned(),
        });
        self
    }

    fn parse(el: &Element) -> Option<Field> {
        let named = |parent: &Element, name: &'static str| -> Vec<Element> {
            parent
                .children()
                .filter(|child| child.is(name, ns::XDATA))
                .cloned()
                .collect()
        };
        Some(Field {
            var: attr(el, "var")?,
            kind: el
                .attr("type")
                .and_then(FieldKind::from_word)
                .unwrap_or(FieldKind::TextSingle),
            label: attr(el, "label"),
            values: named(el, "value").iter().map(Element::text).collect(),
            options: named(el, "option")
                .iter()
                .filter_map(|option| {
                    Some(FieldOption {
                        label: attr(option, "label"),
                        value: child_text(option, "value")?,
                    })
                })
                .collect(),
            required: el.has_child("required", ns::XDATA),
        })
    }

    fn to_element(&self, form: FormKind) -> Element {
        let value = |value: &String| el("value", ns::XDATA).with_text(value);
        let options = self.options.iter().map(|option| {
            el("option", ns::XDATA)
                .set_opt("label", option.label.as_deref())
                .child(value(&option.value))
        });
        let kind = (form != FormKind::Submit || self.kind == FieldKind::Hidden).then(|| self.kind.as_str());
        el("field", ns::XDATA)
            .set("var", &self.var)
            .set_opt("type", kind)
            .set_opt("label", self.label.as_deref())
            .children_from(self.required.then(|| el("required", ns::XDATA)))
            .children_from(self.values.iter().map(value))
            .children_from(options)
    }
}

#[cfg(test)]
mod tests;
