"""Who takes part in a conversation: phones at the SMSC and clients of slixmpp, each writing down what it says and gets.

A client keeps every octet that it got, to be searched afterwards. Next: `suite_conversation.py`.
"""

from client import ATOM, Client
from gateway import Phone

THREAD = "{http://purl.org/syndication/thread/1.0}"


class Talking(Phone):
    """A phone."""

    def __init__(self, served, talk, number):
        super().__init__(served, number)
        self.talk = talk
        talk.hide(number, self.masked)

    async def says(self, text):
        self.talk.line(self.masked, ">", text)
        await super().says(text)

    async def gets(self):
        text = await super().gets()
        self.talk.line(self.masked, "<", text)
        return text


class Person(Client):
    """A client."""

    def __init__(self, served, talk, name, plugins=("xep_0050",)):
        super().__init__(served.reef, name, plugins=plugins)
        self.talk, self.name, self.octets, self.read, self.seen = talk, name, b"", 0, 0

    def data_received(self, data):
        self.octets += data if isinstance(data, bytes) else data.encode()
        super().data_received(data)

    def notes(self, arrow, what):
        self.talk.line(self.name, arrow, what)

    async def publishes(self, ident, text):
        self.notes(">", f"post: {text}")
        await self.post(ident, text)

    async def sees(self):
        """The next post that came: an Atom entry."""
        at = self.seen
        await self.until(lambda: len(self.posts) > at, "a post")
        self.seen += 1
        post = self.posts[at]
        assert post.payload.tag == f"{ATOM}entry", post.payload.tag
        author = post.payload.findtext(f"{ATOM}author/{ATOM}uri") or f"xmpp:{post.sender}"
        reply = post.payload.find(f"{THREAD}in-reply-to")
        about = "" if reply is None else f", in reply to {reply.get('href') or reply.get('ref')}"
        self.notes("<", f"entry of {author.removeprefix('xmpp:')}{about}: {post.title}")
        return post

    async def writes(self, to, text):
        self.notes(">", f"message to {to}: {text}")
        self.send_message(mto=to, mbody=text, mtype="chat")
        await self.sync()

    async def hears(self):
        """The next message that came."""
        at = self.read
        await self.until(lambda: len(self.messages) > at, "a message")
        self.read += 1
        message = self.messages[at]
        self.notes("<", f"message from {message['from'].bare}: {message['body']}")
        return message["body"]

    async def commands(self, node, **fields):
        """Carries out a command of the gateway with these fields; what it says in the end."""
        desk = f"sms.{self.reef.domain}"
        self.notes(">", f"command {node} of {desk}")
        answer = await self["xep_0050"].send_command(desk, node)
        asked = [field.get("label") for field in answer.xml.iter("{jabber:x:data}field") if field.get("label")]
        self.notes("<", f"form: {', '.join(asked)}")
        form = self["xep_0004"].make_form(ftype="submit")
        for name, value in fields.items():
            form.add_field(var=name, value=value)
        self.notes(">", ", ".join(f"{name} {value}" for name, value in fields.items()))
        session = answer["command"]["sessionid"]
        answer = await self["xep_0050"].send_command(desk, node, action="complete", payload=form, sessionid=session)
        assert answer["command"]["status"] == "completed", answer
        return answer["command"]["notes"][0][1]
