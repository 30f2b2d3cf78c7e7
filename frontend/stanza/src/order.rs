//! In which order a result set is wanted (XEP-0413). Must not know how anything is kept; next: items of nodes.

use minidom::Element;

use crate::element::parse_bool;
use crate::ns;
use crate::payload::bad_request;
use crate::stanza_error::{Condition, StanzaError};

/// By which date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// That of the first version.
    Creation,
    /// That of the latest version.
    Modification,
}

/// An order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// By which date.
    pub by: By,
    /// The newest first.
    pub desc: bool,
}

impl Order {
    /// The order among an element's children, if there is one. No two items are made or changed at once, so that the first
    /// level (§5) decides alone; the others are judged all the same. What is not known is `feature-not-implemented`.
    pub fn find(parent: &Element) -> Result<Option<Order>, StanzaError> {
        let orders = parent.children().filter(|child| child.is("order", ns::ORDER_BY));
        let orders: Vec<Order> = orders.map(Order::parse).collect::<Result<_, _>>()?;
        Ok(orders.first().copied())
    }

    fn parse(el: &Element) -> Result<Order, StanzaError> {
        let by = match el.attr("by") {
            Some("creation") => By::Creation,
            Some("modification") => By::Modification,
            Some(_) => return Err(StanzaError::new(Condition::FeatureNotImplemented).with_text("no such order")),
            None => return Err(bad_request("an order by nothing")),
        };
        let desc = el
            .attr("desc")
            .map(|desc| parse_bool(desc).ok_or_else(|| bad_request("desc is neither true nor false")));
        Ok(Order {
            by,
            desc: desc.transpose()?.unwrap_or(false),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(orders: &str, expected: Result<Option<(By, bool)>, Condition>) {
        let parent: Element = format!("<pubsub xmlns='p'>{orders}</pubsub>").parse().unwrap();
        let found = Order::find(&parent).map(|order| order.map(|order| (order.by, order.desc)));
        assert_eq!(found.map_err(|error| error.condition), expected, "{orders}");
    }

    #[test]
    fn the_first_level_decides_and_every_level_is_judged() {
        let order = |rest: &str| format!("<order xmlns='urn:xmpp:order-by:1' {rest}/>");
        check("", Ok(None));
        check(&order("by='creation'"), Ok(Some((By::Creation, false))));
        check(&order("by='modification' desc='1'"), Ok(Some((By::Modification, true))));
        let two = order("by='creation' desc='true'") + &order("by='modification' desc='false'");
        check(&two, Ok(Some((By::Creation, true))));
        let unknown = order("by='creation'") + &order("by='{urn:x}size'");
        check(&unknown, Err(Condition::FeatureNotImplemented));
        check(&order(""), Err(Condition::BadRequest));
        check(&order("by='creation' desc='yes'"), Err(Condition::BadRequest));
    }
}
