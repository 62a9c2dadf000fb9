"""Made-up lists to try deid on: generated numbers, people who do not exist, places that do not."""

from __future__ import annotations

from pathlib import Path
from random import Random

from deid.errors import DeidError

# ISO 7064 MOD 11-2 as in GB 11643-1999, 6.2.
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"
_FAMILY = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许"
_GIVEN = ("桂兰", "建国", "秀英", "德胜", "玉梅", "国庆", "春生", "凤仙", "大勇", "小满")
_VILLAGES = ("青山村", "石桥村", "柳湾社区", "双塘村")


class SampleExists(DeidError, ValueError):
    """A file of that name is there already."""


def write_samples(folder: Path, *, overwrite: bool = False) -> list[Path]:
    """The paths of the lists written into ``folder``; the same ones each time."""
    contents = {
        "低保公示名单.csv": _aid_list(Random(1)).encode("utf-8-sig"),
        "残疾人补贴公示.csv": _disabled_list(Random(2)).encode("gb18030"),
        "公示说明.txt": _notice(Random(3)).encode("utf-8"),
    }
    paths = [folder / name for name in contents]
    if not overwrite and any(path.exists() for path in paths):
        raise SampleExists("这个文件夹里已有同名文件；请换一个文件夹，或加 --overwrite")
    folder.mkdir(parents=True, exist_ok=True)
    for path, content in zip(paths, contents.values(), strict=True):
        path.write_bytes(content)
    return paths


def resident_id(random: Random, born: range = range(1940, 2000)) -> str:
    """A made-up resident ID number with a right check digit."""
    body = (
        f"43102{random.randint(1, 8)}{random.choice(born)}"
        f"{random.randint(1, 12):02}{random.randint(1, 28):02}{random.randint(1, 999):03}"
    )
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, body, strict=True))
    return body + _CHECK[total % 11]


def _mobile(random: Random) -> str:
    return f"1{random.choice('35789')}{random.randrange(10**9):09}"


def _card(random: Random) -> str:
    """19 digits with the Luhn check digit of ISO/IEC 7812-1, annex B."""
    body = f"621700{random.randrange(10**12):012}"
    doubled = (int(digit) * (2 - at % 2) for at, digit in enumerate(reversed(body)))
    total = sum(value - 9 if value > 9 else value for value in doubled)
    return body + str(-total % 10)


def _name(random: Random) -> str:
    return random.choice(_FAMILY) + random.choice(_GIVEN)


def _address(random: Random) -> str:
    village = random.choice(_VILLAGES)
    if village.endswith("社区"):
        return f"云溪县石桥镇{village}和平路{random.randint(1, 99)}号{random.randint(1, 6)}栋{random.randint(1, 6)}02室"
    return f"云溪县石桥镇{village}{random.randint(1, 15)}组{random.randint(1, 120)}号"


def _aid_list(random: Random) -> str:
    heads = "序号,姓名,身份证号,家庭住址,联系电话,银行账号,保障人数,月保障金额（元）"
    blank = "," * heads.count(",")
    rows = []
    for number in range(1, 21):
        person, phone = resident_id(random), _mobile(random)
        if number == 3:  # as people write them
            phone = f"{phone[:3]} {phone[3:7]} {phone[7:]}"
        if number == 5:
            person = person.translate(str.maketrans("0123456789X", "０１２３４５６７８９Ｘ"))
        row = (_name(random), person, _address(random), phone, _card(random))
        people = random.randint(1, 4)
        rows.append(f"{number},{','.join(row)},{people},{people * 520}")
    lines = [
        f"石桥镇2024年第三季度城乡低保对象公示名单{blank}",
        heads,
        *rows,
        f"公示期：2024年9月20日至9月26日{blank}",
        f"监督电话：0735-12345{blank}",
    ]
    return "\r\n".join(lines) + "\r\n"


def _disabled_list(random: Random) -> str:
    lines = ["序号,姓名,残疾人证号,户籍地址,监护人电话,补贴标准（元/月）"]
    for number in range(1, 11):
        certificate = f"{resident_id(random)}{random.randint(1, 7)}{random.randint(1, 4)}"
        row = (_name(random), certificate, _address(random), _mobile(random), "120")
        lines.append(f"{number},{','.join(row)}")
    return "\r\n".join(lines) + "\r\n"


def _notice(random: Random) -> str:
    return (
        "关于石桥镇临时救助对象的公示\n\n"
        f"经审核，{_name(random)}（身份证号{resident_id(random)}，住{_address(random)}，"
        f"电话{_mobile(random)}）符合临时救助条件，拟给予救助金3000元。\n\n"
        "如有异议，请在公示期内拨打监督电话12345反映。\n"
    )
