//! The namespaces that Reef speaks, one constant each, named after the XEPs' own words.
//! Knows nothing else; everything in this crate and above it uses these.

/// The `xml:` prefix (`xml:lang`).
pub const XML: &str = "http://www.w3.org/XML/1998/namespace";
/// `stream:stream`, `stream:features`, `stream:error` (RFC 6120 §4.8.1).
pub const STREAM: &str = "http://etherx.jabber.org/streams";
/// Content namespace of client streams (RFC 6120 §4.8.2).
pub const CLIENT: &str = "jabber:client";
/// Content namespace of server streams (RFC 6120 §4.8.2).
pub const SERVER: &str = "jabber:server";
/// Stream error conditions (RFC 6120 §4.9.2).
pub const STREAMS: &str = "urn:ietf:params:xml:ns:xmpp-streams";
/// Stanza error conditions (RFC 6120 §8.3.2).
pub const STANZAS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";
/// STARTTLS (RFC 6120 §5).
pub const TLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";
/// SASL (RFC 6120 §6).
pub const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
/// Resource binding (RFC 6120 §7).
pub const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
/// Session establishment, a no-op that old clients ask for (RFC 3921 §3).
pub const SESSION: &str = "urn:ietf:params:xml:ns:xmpp-session";
/// Framing of XMPP over WebSocket (RFC 7395).
pub const FRAMING: &str = "urn:ietf:params:xml:ns:xmpp-framing";
/// XEP-0124: the body of a long poll.
pub const HTTP_BIND: &str = "http://jabber.org/protocol/httpbind";
/// XEP-0206: attributes of that body.
pub const XBOSH: &str = "urn:xmpp:xbosh";
/// Roster (RFC 6121 §2).
pub const ROSTER: &str = "jabber:iq:roster";
/// Stream feature: roster versioning (RFC 6121 §2.6).
pub const ROSTER_VERSIONING: &str = "urn:xmpp:features:rosterver";
/// Stream feature: subscription pre-approval (RFC 6121 §3.4).
pub const PRE_APPROVAL: &str = "urn:xmpp:features:pre-approval";
/// XEP-0004: data forms.
pub const XDATA: &str = "jabber:x:data";
/// XEP-0012: last activity.
pub const LAST: &str = "jabber:iq:last";
/// XEP-0030: service discovery, information.
pub const DISCO_INFO: &str = "http://jabber.org/protocol/disco#info";
/// XEP-0030: service discovery, items.
pub const DISCO_ITEMS: &str = "http://jabber.org/protocol/disco#items";
/// XEP-0049: private XML storage.
pub const PRIVATE: &str = "jabber:iq:private";
/// XEP-0050: ad-hoc commands.
pub const COMMANDS: &str = "http://jabber.org/protocol/commands";
/// XEP-0054: vcard-temp.
pub const VCARD: &str = "vcard-temp";
/// XEP-0059: result set management.
pub const RSM: &str = "http://jabber.org/protocol/rsm";
/// XEP-0060: what any entity may ask of a node.
pub const PUBSUB: &str = "http://jabber.org/protocol/pubsub";
/// XEP-0060: what a node's owner may ask.
pub const PUBSUB_OWNER: &str = "http://jabber.org/protocol/pubsub#owner";
/// XEP-0060: notifications.
pub const PUBSUB_EVENT: &str = "http://jabber.org/protocol/pubsub#event";
/// XEP-0060: application error conditions.
pub const PUBSUB_ERRORS: &str = "http://jabber.org/protocol/pubsub#errors";
/// XEP-0060 §16.4.4: `FORM_TYPE` of a node's configuration.
pub const PUBSUB_NODE_CONFIG: &str = "http://jabber.org/protocol/pubsub#node_config";
/// XEP-0060 §16.4.3: `FORM_TYPE` of a node's meta-data in disco.
pub const PUBSUB_META_DATA: &str = "http://jabber.org/protocol/pubsub#meta-data";
/// XEP-0060 §16.4.5: `FORM_TYPE` of publish-options.
pub const PUBSUB_PUBLISH_OPTIONS: &str = "http://jabber.org/protocol/pubsub#publish-options";
/// XEP-0060 §16.4.2: `FORM_TYPE` of subscription options.
pub const PUBSUB_SUBSCRIBE_OPTIONS: &str = "http://jabber.org/protocol/pubsub#subscribe_options";
/// XEP-0060 §16.4.1: `FORM_TYPE` of a subscription awaiting approval.
pub const PUBSUB_SUBSCRIBE_AUTHORIZATION: &str = "http://jabber.org/protocol/pubsub#subscribe_authorization";
/// XEP-0077: in-band registration.
pub const REGISTER: &str = "jabber:iq:register";
/// XEP-0077 §8: the stream feature of registration.
pub const REGISTER_FEATURE: &str = "http://jabber.org/features/iq-register";
/// XEP-0084: user avatar, the image.
pub const AVATAR_DATA: &str = "urn:xmpp:avatar:data";
/// XEP-0084: user avatar, the meta-data.
pub const AVATAR_METADATA: &str = "urn:xmpp:avatar:metadata";
/// XEP-0092: software version.
pub const VERSION: &str = "jabber:iq:version";
/// XEP-0115: entity capabilities.
pub const CAPS: &str = "http://jabber.org/protocol/caps";
/// XEP-0153: vCard-based avatars in presence.
pub const VCARD_UPDATE: &str = "vcard-temp:x:update";
/// XEP-0191: blocking command.
pub const BLOCKING: &str = "urn:xmpp:blocking";
/// XEP-0191 §3.3: why a stanza to somebody blocked was refused.
pub const BLOCKING_ERRORS: &str = "urn:xmpp:blocking:errors";
/// XEP-0198: stream management.
pub const SM: &str = "urn:xmpp:sm:3";
/// XEP-0199: ping.
pub const PING: &str = "urn:xmpp:ping";
/// XEP-0202: entity time.
pub const TIME: &str = "urn:xmpp:time";
/// XEP-0203: delayed delivery.
pub const DELAY: &str = "urn:xmpp:delay";
/// XEP-0220: server dialback.
pub const DIALBACK: &str = "jabber:server:dialback";
/// XEP-0220 §2.2.2: the stream feature of dialback.
pub const DIALBACK_FEATURE: &str = "urn:xmpp:features:dialback";
/// XEP-0133: service administration.
pub const ADMIN: &str = "http://jabber.org/protocol/admin";
/// XEP-0157: `FORM_TYPE` of contact addresses.
pub const SERVER_INFO: &str = "http://jabber.org/network/serverinfo";
/// XEP-0215: external services.
pub const EXTDISCO: &str = "urn:xmpp:extdisco:2";
/// XEP-0277: microblogging, also the node's name.
pub const MICROBLOG: &str = "urn:xmpp:microblog:0";
/// XEP-0280: message carbons.
pub const CARBONS: &str = "urn:xmpp:carbons:2";
/// XEP-0288: bidirectional server streams, the stream feature.
pub const BIDI_FEATURE: &str = "urn:xmpp:features:bidi";
/// XEP-0288: bidirectional server streams.
pub const BIDI: &str = "urn:xmpp:bidi";
/// XEP-0297: stanza forwarding.
pub const FORWARD: &str = "urn:xmpp:forward:0";
/// XEP-0122: which values a form's field may have.
pub const XDATA_VALIDATE: &str = "http://jabber.org/protocol/xdata-validate";
/// XEP-0300: cryptographic hashes.
pub const HASHES: &str = "urn:xmpp:hashes:2";
/// XEP-0312: how long ago a device was here.
pub const AGO: &str = "urn:xmpp:ago:0";
/// XEP-0313: message archive management.
pub const MAM: &str = "urn:xmpp:mam:2";
/// XEP-0313 §9: ids in queries, flipped pages, `<metadata/>`.
pub const MAM_EXTENDED: &str = "urn:xmpp:mam:2#extended";
/// XEP-0330: public list of one's subscriptions.
pub const PUBSUB_SUBSCRIPTION: &str = "urn:xmpp:pubsub:subscription";
/// XEP-0334: processing hints.
pub const HINTS: &str = "urn:xmpp:hints";
/// XEP-0352: client state indication.
pub const CSI: &str = "urn:xmpp:csi:0";
/// XEP-0357: push.
pub const PUSH: &str = "urn:xmpp:push:0";
/// XEP-0359: unique and stable stanza ids.
pub const SID: &str = "urn:xmpp:sid:0";
/// XEP-0114: streams of components.
pub const COMPONENT: &str = "jabber:component:accept";
/// XEP-0357: what a notification says.
pub const PUSH_SUMMARY: &str = "urn:xmpp:push:summary";
/// XEP-0363: HTTP file upload.
pub const HTTP_UPLOAD: &str = "urn:xmpp:http:upload:0";
/// XEP-0376: subscriptions managed by one's own account.
pub const PAM: &str = "urn:xmpp:pam:0";
/// XEP-0377: reports of who is blocked.
pub const REPORTING: &str = "urn:xmpp:reporting:1";
/// XEP-0379: who asks for presence by invitation.
pub const PARS: &str = "urn:xmpp:pars:0";
/// XEP-0401: what invites. Its commands' names begin with it.
pub const INVITE: &str = "urn:xmpp:invite";
/// XEP-0445: the stream feature of registration by invitation.
pub const IBR_TOKEN: &str = "urn:xmpp:ibr-token:0";
/// XEP-0386: Bind 2.
pub const BIND2: &str = "urn:xmpp:bind:0";
/// XEP-0388: extensible SASL profile.
pub const SASL2: &str = "urn:xmpp:sasl:2";
/// XEP-0390: entity capabilities 2.0.
pub const CAPS2: &str = "urn:xmpp:caps";
/// XEP-0402: bookmarks in PEP.
pub const BOOKMARKS: &str = "urn:xmpp:bookmarks:1";
/// XEP-0016: privacy lists.
pub const PRIVACY: &str = "jabber:iq:privacy";
/// XEP-0048: bookmarks as one list.
pub const STORAGE_BOOKMARKS: &str = "storage:bookmarks";
/// XEP-0413: order of a result set.
pub const ORDER_BY: &str = "urn:xmpp:order-by:1";
/// XEP-0440: channel-binding types on offer.
pub const SASL_CB: &str = "urn:xmpp:sasl-cb:0";
/// XEP-0484: fast authentication by tokens.
pub const FAST: &str = "urn:xmpp:fast:0";
/// XEP-0462: which types of nodes are listed.
pub const PUBSUB_FILTER: &str = "urn:xmpp:pubsub-filter:0";
/// XEP-0363: HTTP file upload.
pub const UPLOAD: &str = "urn:xmpp:http:upload:0";
/// XEP-0465: public subscriptions.
pub const PPS: &str = "urn:xmpp:pps:0";
/// XEP-0465: what the nodes with a node's public followers begin with.
pub const PUBLIC_SUBSCRIBERS: &str = "urn:xmpp:pps:subscribers:0/";
/// XEP-0465: public subscriptions of an account.
pub const PUBLIC_SUBSCRIPTIONS: &str = "urn:xmpp:pps:subscriptions:0";
/// XEP-0470: pubsub attachments.
pub const ATTACHMENTS: &str = "urn:xmpp:pubsub-attachments:1";
/// XEP-0472: pubsub social feed.
pub const SOCIAL_FEED: &str = "urn:xmpp:pubsub-social-feed:1";
/// XEP-0472 §4.3: a social feed of pictures.
pub const SOCIAL_FEED_GALLERY: &str = "urn:xmpp:pubsub-social-feed:gallery:1";
/// Movim's profile of XEP-0472: posts that expire, also the node's name.
pub const SOCIAL_FEED_STORIES: &str = "urn:xmpp:pubsub-social-feed:stories:0";
/// XEP-0474: SASL SCRAM downgrade protection.
pub const SCRAM_DOWNGRADE: &str = "urn:xmpp:ssdp:0";
/// XEP-0478: stream limits.
pub const STREAM_LIMITS: &str = "urn:xmpp:stream-limits:0";
/// What an account is noted: our own node (see the README).
pub const NOTIFICATIONS: &str = "urn:reef:notifications:0";
/// What one follows, merged: our own archive (see the README).
pub const TIMELINE: &str = "urn:reef:timeline:0";
/// With what the names of nodes for comments begin (XEP-0277 §3.1); behind it stands the post's item.
pub const COMMENTS_PREFIX: &str = "urn:xmpp:microblog:0:comments/";
/// One stanza for all followers at another Reef (`frontend/FANOUT.md`).
pub const FANOUT: &str = "urn:reef:fanout:0";
/// Atom (RFC 4287).
pub const ATOM: &str = "http://www.w3.org/2005/Atom";
/// XHTML, as in the content of an Atom entry.
pub const XHTML: &str = "http://www.w3.org/1999/xhtml";
