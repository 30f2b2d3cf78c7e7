//! Forms as XEP-0060 and Movim write them, and back.

use super::*;

fn parse(xml: &str) -> Form {
    Form::parse(&xml.parse().unwrap()).unwrap()
}

#[test]
fn a_submitted_form_gives_its_values_and_its_type() {
    let form = parse(
        "<x xmlns='jabber:x:data' type='submit'>\
         <field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#publish-options</value></field>\
         <field var='pubsub#persist_items'><value>true</value></field>\
         <field var='pubsub#max_items'><value>max</value></field>\
         <field var='pubsub#show-values'><value>chat</value><value>online</value></field>\
         <field var='empty'/><field type='fixed'><value>x</value></field></x>",
    );
    assert_eq!(
        form.form_type.as_deref(),
        Some("http://jabber.org/protocol/pubsub#publish-options")
    );
    assert_eq!(form.boolean("pubsub#persist_items"), Some(true));
    assert_eq!(form.value("pubsub#max_items"), Some("max"));
    assert_eq!(form.values("pubsub#show-values").map(<[_]>::len), Some(2));
    assert_eq!(form.values("empty"), Some(&[][..]));
    assert_eq!(form.value("absent"), None);
    assert_eq!(form.fields.len(), 4);
}

#[test]
fn a_form_to_fill_in_is_written_with_types_labels_and_options() {
    let form = Form::new(FormKind::Form, "t")
        .with(Field::new(FieldKind::Boolean, "a").label("A & B").value("1"))
        .with(
            Field::new(FieldKind::ListSingle, "b")
                .option(Some("One"), "1")
                .option(None, "2")
                .value("2"),
        );
    let expected = "<x xmlns='jabber:x:data' type='form'>\
        <field type='hidden' var='FORM_TYPE'><value>t</value></field>\
        <field label='A &amp; B' type='boolean' var='a'><value>1</value></field>\
        <field type='list-single' var='b'><value>2</value><option label='One'><value>1</value></option>\
        <option><value>2</value></option></field></x>";
    assert_eq!(
        String::from_utf8(crate::self_contained(&form.to_element(), None)).unwrap(),
        expected
    );
    assert_eq!(parse(expected), form);
}

#[test]
fn the_fields_of_a_submitted_form_have_no_type() {
    let form = Form::new(FormKind::Submit, "t").with(Field::new(FieldKind::TextSingle, "a").value("1"));
    assert_eq!(
        String::from_utf8(crate::self_contained(&form.to_element(), None)).unwrap(),
        "<x xmlns='jabber:x:data' type='submit'><field type='hidden' var='FORM_TYPE'><value>t</value></field>\
         <field var='a'><value>1</value></field></x>"
    );
}

#[test]
fn a_form_of_unknown_type_is_a_bad_request() {
    let el: Element = "<x xmlns='jabber:x:data' type='guess'/>".parse().unwrap();
    assert!(Form::parse(&el).is_err());
}

#[test]
fn every_field_type_reads_back() {
    for word in [
        "boolean",
        "fixed",
        "hidden",
        "jid-multi",
        "jid-single",
        "list-multi",
        "text-multi",
        "text-private",
    ] {
        assert_eq!(FieldKind::from_word(word).map(FieldKind::as_str), Some(word));
    }
    assert_eq!(FieldKind::from_word("other"), None);
}
