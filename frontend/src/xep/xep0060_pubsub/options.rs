//! Configuration forms (XEP-0060 §16.4.4) and the engine's settings, by one table of fields for both directions.
//!
//! Knows no node and no right. Fields that it does not know are ignored: Libervia sends `send_item_subscribe`, and what
//! one server does not have must not stop a post. Known fields with a value that they cannot have are refused.

use reef_engine::config::{
    AccessModel, ITEMS_MAX, ItemReply, NodeConfig, NodeFull, NotificationType, PublishModel, SendLast, Setting,
};
use reef_stanza::form::{Field, FieldKind, Form, FormKind};
use reef_stanza::{Condition, StanzaError, ns};
use std::sync::Arc;

/// The settings of a submitted form, be it a configuration or publish-options.
///
/// # Errors
/// `not-acceptable` with the field's name (§8.2.5.2).
pub(super) fn settings(form: &Form) -> Result<Vec<Setting>, StanzaError> {
    // A form of another type says nothing of nodes (XEP-0068 §3.1); one of none is taken at its word.
    let types = [ns::PUBSUB_NODE_CONFIG, ns::PUBSUB_PUBLISH_OPTIONS];
    if form.form_type.as_deref().is_some_and(|of| !types.contains(&of)) {
        let error = StanzaError::new(Condition::BadRequest);
        return Err(error.with_text("the form's FORM_TYPE is of something else"));
    }
    let mut settings = Vec::new();
    for field in &form.fields {
        if field.var == "pubsub#node_type" && field.values.iter().any(|kind| kind == "collection") {
            return Err(super::unsupported("collections"));
        }
        let Some(known) = FIELDS.iter().find(|known| known.var == field.var) else {
            continue;
        };
        // Nothing said is nothing asked (XEP-0004 §3.2), save for text, which so is emptied.
        let empty = field.values.iter().all(String::is_empty);
        if empty && !known.is_text() {
            continue;
        }
        let setting = (known.read)(&field.values).ok_or_else(|| {
            let text = format!("{} cannot have this value", field.var);
            StanzaError::new(Condition::NotAcceptable).with_text(text)
        })?;
        settings.push(setting);
    }
    Ok(settings)
}

/// The form of a configuration, with what may be chosen.
pub(super) fn form(config: &NodeConfig) -> Form {
    let form_type = ns::PUBSUB_NODE_CONFIG;
    FIELDS.iter().fold(Form::new(FormKind::Form, form_type), |form, known| {
        let field = (known.choices)()
            .into_iter()
            .fold(known.field(config), |field, (label, value)| {
                field.option(Some(label), value)
            });
        form.with(field)
    })
}

/// One field with its value, for the meta-data of a node.
pub(super) fn field(var: &str, config: &NodeConfig) -> Option<Field> {
    FIELDS
        .iter()
        .find(|known| known.var == var)
        .map(|known| known.field(config))
}

/// A field that is known.
struct Known {
    var: &'static str,
    kind: FieldKind,
    label: &'static str,
    /// Label and value of what may be chosen.
    choices: fn() -> Vec<(&'static str, &'static str)>,
    read: fn(&[String]) -> Option<Setting>,
    show: fn(&NodeConfig) -> Vec<String>,
}

impl Known {
    fn is_text(&self) -> bool {
        matches!(
            self.kind,
            FieldKind::TextSingle | FieldKind::JidMulti | FieldKind::TextMulti
        ) && !self.is_number()
    }

    fn is_number(&self) -> bool {
        matches!(
            self.var,
            "pubsub#max_items" | "pubsub#item_expire" | "pubsub#max_payload_size"
        )
    }

    fn field(&self, config: &NodeConfig) -> Field {
        let field = Field::new(self.kind, self.var).label(self.label);
        (self.show)(config).into_iter().fold(field, Field::value)
    }
}

/// Writes the table: kind of value, `var`, label, the setting and the field of the same meaning.
macro_rules! fields {
    ($($kind:ident $var:literal $label:literal $setting:ident $field:ident $($words:ident)?;)*) => {
        const FIELDS: &[Known] = &[$(fields!(@ $kind $var $label $setting $field $($words)?),)*];
    };
    (@ text $var:literal $label:literal $setting:ident $field:ident) => { Known {
        var: $var, kind: FieldKind::TextSingle, label: $label, choices: Vec::new,
        read: |values| Some(Setting::$setting(values.first().map(String::as_str).unwrap_or_default().into())),
        show: |config| vec![config.$field.to_string()],
    } };
    (@ texts $var:literal $label:literal $setting:ident $field:ident) => { Known {
        var: $var, kind: FieldKind::TextMulti, label: $label, choices: Vec::new,
        read: |values| Some(Setting::$setting(texts(values))),
        show: |config| config.$field.iter().map(|value| value.to_string()).collect(),
    } };
    (@ jids $var:literal $label:literal $setting:ident $field:ident) => { Known {
        kind: FieldKind::JidMulti,
        read: |values| are_jids(values).then(|| Setting::$setting(texts(values))),
        ..fields!(@ texts $var $label $setting $field)
    } };
    (@ flag $var:literal $label:literal $setting:ident $field:ident) => { Known {
        var: $var, kind: FieldKind::Boolean, label: $label, choices: Vec::new,
        read: |values| flag(values).map(Setting::$setting),
        show: |config| vec![config.$field.to_string()],
    } };
    (@ number $var:literal $label:literal $setting:ident $field:ident) => { Known {
        var: $var, kind: FieldKind::TextSingle, label: $label, choices: Vec::new,
        read: |values| number(values, 0).map(Setting::$setting),
        show: |config| vec![shown(config.$field, 0)],
    } };
    (@ items $var:literal $label:literal $setting:ident $field:ident) => { Known {
        var: $var, kind: FieldKind::TextSingle, label: $label, choices: Vec::new,
        read: |values| number(values, ITEMS_MAX).map(Setting::$setting),
        show: |config| vec![shown(config.$field, ITEMS_MAX)],
    } };
    (@ full $var:literal $label:literal $setting:ident $field:ident $words:ident) => { Known {
        var: $var, kind: FieldKind::ListSingle, label: $label,
        choices: || $words.iter().map(|(value, label, _)| (*label, *value)).collect(),
        read: |values| chosen($words, values).map(Setting::$setting),
        show: |config| word($words, config.$field.0),
    } };
    (@ choice $var:literal $label:literal $setting:ident $field:ident $words:ident) => { Known {
        var: $var, kind: FieldKind::ListSingle, label: $label,
        choices: || $words.iter().map(|(value, label, _)| (*label, *value)).collect(),
        read: |values| chosen($words, values).map(Setting::$setting),
        show: |config| word($words, config.$field),
    } };
}

fields! {
    text "pubsub#title" "A friendly name for the node" Title title;
    text "pubsub#description" "A description of the node" Description description;
    text "pubsub#type" "The type of node data, usually specified by the namespace of the payload" Kind kind;
    text "pubsub#language" "The default language of the node" Language language;
    jids "pubsub#contact" "The JIDs of those to contact with questions" Contact contact;
    items "pubsub#max_items" "The maximum number of items to persist, or `max`" MaxItems max_items;
    number "pubsub#item_expire" "Seconds after which to remove items, or `max` for never" ItemExpireSeconds
        item_expire_seconds;
    flag "pubsub#persist_items" "Whether to persist items to storage" PersistItems persist_items;
    number "pubsub#max_payload_size" "The maximum payload size in bytes, or `max`" MaxPayloadBytes max_payload_bytes;
    choice "pubsub#access_model" "Who may subscribe and retrieve items" Access access ACCESS;
    choice "pubsub#publish_model" "Who may publish items" Publish publish PUBLISH;
    texts "pubsub#roster_groups_allowed" "The roster groups allowed to subscribe and retrieve items" RosterGroups
        roster_groups;
    choice "pubsub#send_last_published_item" "When to send the last published item" SendLast send_last SEND_LAST;
    flag "pubsub#deliver_notifications" "Whether to deliver event notifications" DeliverNotifications
        deliver_notifications;
    flag "pubsub#deliver_payloads" "Whether to deliver payloads with event notifications" DeliverPayloads
        deliver_payloads;
    choice "pubsub#notification_type" "The type of the notifications' message" NotificationType notification_type
        NOTIFICATION;
    flag "pubsub#notify_config" "Whether to notify subscribers of a new configuration" NotifyConfig notify_config;
    flag "pubsub#notify_delete" "Whether to notify subscribers when the node is deleted" NotifyDelete notify_delete;
    flag "pubsub#notify_retract" "Whether to notify subscribers when items are removed" NotifyRetract notify_retract;
    flag "pubsub#notify_sub" "Whether to notify owners of new subscribers" NotifySub notify_sub;
    flag "pubsub#presence_based_delivery" "Whether to deliver to available users only" PresenceBasedDelivery
        presence_based_delivery;
    flag "pubsub#purge_offline" "Whether to purge items when their publisher goes offline" PurgeOffline purge_offline;
    choice "pubsub#itemreply" "Whom replies to items go to" ItemReply item_reply ITEM_REPLY;
    flag "pubsub#include_body" "Whether to add a text body to notifications" IncludeBody include_body;
    full "pubsub#publish_node_full" "What to do with a new item where no more fit" NodeFull node_full NODE_FULL;
}

/// Value, label and meaning.
type Words<T> = [(&'static str, &'static str, T)];

const ACCESS: &Words<AccessModel> = &[
    ("open", "Anyone", AccessModel::Open),
    (
        "presence",
        "Anyone who gets the owner's presence",
        AccessModel::Presence,
    ),
    ("roster", "Anyone in the allowed roster groups", AccessModel::Roster),
    ("authorize", "Anyone whom an owner approves", AccessModel::Authorize),
    ("whitelist", "Those on a list", AccessModel::Whitelist),
];
const PUBLISH: &Words<PublishModel> = &[
    ("publishers", "Publishers only", PublishModel::Publishers),
    ("subscribers", "Subscribers", PublishModel::Subscribers),
    ("open", "Anyone", PublishModel::Open),
];
const SEND_LAST: &Words<SendLast> = &[
    ("never", "Never", SendLast::Never),
    ("on_sub", "When a new subscription is processed", SendLast::OnSub),
    (
        "on_sub_and_presence",
        "Also whenever a subscriber comes online",
        SendLast::OnSubAndPresence,
    ),
];
const NOTIFICATION: &Words<NotificationType> = &[
    ("normal", "Messages of type normal", NotificationType::Normal),
    ("headline", "Messages of type headline", NotificationType::Headline),
    ("chat", "Messages of type chat", NotificationType::Chat),
];
const ITEM_REPLY: &Words<ItemReply> = &[
    ("owner", "The owner of the node", ItemReply::Owner),
    ("publisher", "The publisher of the item", ItemReply::Publisher),
];

const NODE_FULL: &Words<NodeFull> = &[
    ("retract-oldest", "Retract the oldest item", NodeFull::RetractOldest),
    ("discard-oldest", "Discard the oldest item", NodeFull::DiscardOldest),
    ("reject", "Refuse the new item", NodeFull::Reject),
];

fn texts(values: &[String]) -> Vec<Arc<str>> {
    values
        .iter()
        .filter(|value| !value.is_empty())
        .map(|value| Arc::from(value.as_str()))
        .collect()
}

fn are_jids(values: &[String]) -> bool {
    let mut said = values.iter().filter(|value| !value.is_empty());
    said.all(|value| jid::Jid::new(value).is_ok())
}

fn flag(values: &[String]) -> Option<bool> {
    match values.first()?.as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// A number, or `max`.
fn number(values: &[String], max: u32) -> Option<u32> {
    match values.first()?.trim() {
        "max" => Some(max),
        number => number.parse().ok(),
    }
}

fn shown(number: u32, max: u32) -> String {
    if number == max {
        "max".to_owned()
    } else {
        number.to_string()
    }
}

fn chosen<T: Copy>(words: &Words<T>, values: &[String]) -> Option<T> {
    let value = values.first()?;
    words
        .iter()
        .find(|(word, ..)| word == value)
        .map(|(.., meaning)| *meaning)
}

fn word<T: PartialEq>(words: &Words<T>, meaning: T) -> Vec<String> {
    words
        .iter()
        .filter(|(.., known)| *known == meaning)
        .map(|(word, ..)| (*word).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn submit(fields: &[(&str, &[&str])]) -> Form {
        let form = Form::new(FormKind::Submit, ns::PUBSUB_PUBLISH_OPTIONS);
        fields.iter().fold(form, |form, (var, values)| {
            form.with(
                values
                    .iter()
                    .fold(Field::new(FieldKind::TextSingle, var), |field, value| {
                        field.value(*value)
                    }),
            )
        })
    }

    #[test]
    fn a_configuration_survives_its_form() {
        let config = NodeConfig {
            title: "Letters".into(),
            contact: vec!["a@x".into(), "b@x".into()],
            roster_groups: vec!["friends".into()],
            item_expire_seconds: 86_400,
            access: AccessModel::Roster,
            publish: PublishModel::Open,
            ..NodeConfig::microblog("urn:xmpp:microblog:0")
        };
        let form = Form::parse(&form(&config).to_element()).unwrap();
        assert_eq!(NodeConfig::pep().with(&settings(&form).unwrap()), config);
        assert_eq!(form.value("pubsub#max_items"), Some("max"));
    }

    #[test]
    fn every_field_of_the_form_has_its_own_setting() {
        let mut names: Vec<_> = FIELDS.iter().map(|known| known.var).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 25);
    }

    #[test]
    fn the_options_that_movim_publishes_with_are_all_known() {
        let form = submit(&[
            ("pubsub#persist_items", &["true"]),
            ("pubsub#max_items", &["max"]),
            ("pubsub#itemreply", &["publisher"]),
            ("pubsub#notify_sub", &["true"]),
            ("pubsub#notify_retract", &["true"]),
        ]);
        let expected = [
            Setting::PersistItems(true),
            Setting::MaxItems(ITEMS_MAX),
            Setting::ItemReply(ItemReply::Publisher),
            Setting::NotifySub(true),
            Setting::NotifyRetract(true),
        ];
        assert_eq!(settings(&form).unwrap(), expected);
    }

    #[test]
    fn unknown_fields_are_ignored_and_known_ones_judged() {
        assert_eq!(
            settings(&submit(&[("pubsub#send_item_subscribe", &["true"])])),
            Ok(Vec::new())
        );
        for (var, value) in [
            ("pubsub#access_model", "nobody"),
            ("pubsub#max_items", "many"),
            ("pubsub#persist_items", "perhaps"),
            ("pubsub#max_items", "-1"),
            ("pubsub#contact", "no jid@@"),
        ] {
            let refused = settings(&submit(&[(var, &[value])])).unwrap_err();
            assert_eq!(refused.condition, Condition::NotAcceptable, "{var}");
        }
    }

    #[test]
    fn an_empty_value_empties_text_and_says_nothing_of_the_rest() {
        let form = submit(&[
            ("pubsub#title", &[""]),
            ("pubsub#max_items", &[""]),
            ("pubsub#access_model", &[]),
        ]);
        assert_eq!(settings(&form).unwrap(), [Setting::Title("".into())]);
        assert_eq!(
            settings(&submit(&[("pubsub#contact", &[])])).unwrap(),
            [Setting::Contact(Vec::new())]
        );
    }
}
