"""What the keys of data in web pages are called: ``idCard``, ``sfzh`` and ``lxdh`` as a reader says it."""

from __future__ import annotations

import re

_KEYS = {
    "身份证号": "idcard idno idnum idnumber idcardno idcardnum idcode certno certnum certid certcode"
    " certificateno identitycard identityno identity sfz sfzh sfzhm sfzjh shenfenzheng"
    " shenfenzhenghao zjh zjhm zjhao personid usercard useridcard",
    "电话": "mobile mobileno phone phoneno phonenum phonenumber tel telno telephone telphone lxdh"
    " dh dhhm sj sjh sjhm shouji shoujihao dianhua lianxidianhua contactphone cellphone linkphone",
    "银行账号": "bankacct bankaccount bankno bankcard bankcardno bankaccountno acctno accountno cardno"
    " yhzh yhkh kh zh zhanghao kahao yinhangkahao yinhangzhanghao bankcardnum",
    "家庭住址": "homeaddr homeaddress zz jtzz jtdz zhuzhi jiatingzhuzhi liveaddress residence",
    "姓名": "xm realname truename fullname hzxm xingming personname",
}
_MEANS = {key: label for label, keys in _KEYS.items() for key in keys.split()}
_JOINTS = re.compile(r"[-_ .]")


def meaning(key: str) -> str:
    """The Chinese title that a key stands for; nothing for one that is not known."""
    return _MEANS.get(_JOINTS.sub("", key).lower(), "") if len(key) < 30 else ""


def title(text: str) -> str:
    """The same for a text that may be the title of a column: a plain word is one there, too."""
    return meaning(text) or _PLAIN.get(text.lower(), "")


_PLAIN = {"name": "姓名", "username": "姓名", "addr": "住址", "address": "住址"}
