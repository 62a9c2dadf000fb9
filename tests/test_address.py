"""Addresses: what is kept, what goes, what is found in prose, what must stay as it is."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deid import divisions
from deid.address import (
    LEVELS,
    Address,
    cut,
    find_addresses,
    is_agency_place,
    parse_address,
    parse_addresses,
)

# Kept part | what goes. The cut must fall exactly between.
CUTS = r"""
# group, team, number
玉麦镇红新村|8组
五联村|一社198号
安仁镇赵集东街村|第4村民小组63号
安仁镇|第4村民小组63号
赵集东街村|第四村民小组
西辽村|7组
马务村|七社70号
仰朵村|十七社189号
合立村|十五社26号
王寺村|3队
王寺村|第三生产队
王寺村|三小队12号
王寺村|197号
王寺村|1-3号
王寺村|3-402
王寺村|１２号
王寺村|第十六村民小组
王寺村|二十一组
王寺村|村民小组3
永明社区|第三居民小组
永明社区|2网格
永明社区|12网格5栋
王寺村|甲3号
王寺村|A区5号
王寺村|乙12
王寺村|12#
王寺村|三组8户
王寺村|一百零三号
王寺村|壹组
王寺村|某组
王寺村|*组
王寺村|***
# natural villages behind a village
街关镇吴家城村|林屯43号
东寨镇上三坝村|北郑屯132号
野洞河镇龙井村|董家坡26号
高桥街道严家渠村|宋湾173号
厚坪乡庙坪村|新任家洼162号
王寺村|高庄197号
王寺村|高庄
王寺村|老屋塆
王寺村|上湾里
王寺村|大屋场12号
王寺村|李家村23号
王寺村|西村
王寺村|东头
王寺村|下河口冲
王寺村|河对面
王寺村|二道沟屯
王寺村|后营子
王寺村|马家圩
王寺村|陈岭
王寺村|罗家台6号
王寺村|三棵树
下村|高村5组
白竹湖社区|李家村12号
# lanes, roads and estates behind a division
永明社区|太平巷17号
白竹湖社区|胜利路84号
白箬铺社区|和平大街81号院29号楼5单元1103室
同乐街道|和谐家园10栋5单元501
市中街道|东方明珠14栋3单元2201
泺清社区|绿洲小区5栋3单元101
甘井子街道|站前街9号
营城子街道|东井胡同79号
大古城社区|橡胶厂家属院9栋5单元702
蕉村社区|同德里260号
前亭镇|胜利路84号
旧镇镇|环城西路94号
城关镇|新华路230号院1号楼2单元2201室
永明社区|3号楼
永明社区|12-2-1103
永明社区|5-302
永明社区|A座1201
永明社区|B幢甲单元301
永明社区|三单元五楼东户
永明社区|3排5号
永明社区|门牌12
永明社区|102信箱
永明社区|人民路3弄5号
# descriptions
王寺村|学校对面
王寺村|小学旁
王寺村委会|东50米
王寺村|老槐树旁
王寺村|路口东侧
永明社区|菜市场西100米
# the whole division chain
福建省漳州市漳浦县古雷镇西辽村|7组
新疆维吾尔自治区克孜勒苏柯尔克孜自治州阿克陶县玉麦镇加依铁热克村|558号
新疆维吾尔自治区克孜勒苏柯尔克孜自治州阿克陶县塔尔塔吉克民族乡库祖村|第3村民小组108号
广西壮族自治区贵港市港北区港城街道白沟井社区|绿洲小区3栋2单元501
贵州省黔东南苗族侗族自治州黄平县旧州镇草芦坪村|十三组
青海省玉树藏族自治州杂多县扎青乡|绿洲小区1号楼6单元401室
重庆市城口县鸡鸣乡祝乐村|十六组
北京市朝阳区望京街道|花家地西里5号
内蒙古自治区锡林郭勒盟苏尼特左旗满都拉图镇|胜利路5号
内蒙古自治区兴安盟科尔沁右翼前旗察尔森镇察尔森嘎查|3组
湖北省恩施土家族苗族自治州恩施市龙凤镇龙马村|5组
# short names, left out levels
陕西长安韦曲街道双竹村|九组
安徽南谯黄泥岗镇|绿洲小区25栋4单元402
安徽南谯龙蟠街道陡岗社区|劳动路198号
山东禹城禹兴街道|柳树巷213号
新疆阿克陶木吉乡|橡胶厂家属院21号楼3单元401室
广东德庆九市镇九市村|19组
湖北樊城米公街道友谊街回族社区|绿洲小区31栋4单元1502
长安区王曲街道王曲村|九组
武强县合立村|十五社26号
玉麦镇红新|8组
长安韦曲街道双竹|九组
高新区紫贞街道|青年路1号
湖北省襄阳市樊城区高新区紫贞街道|青年路1号院19号楼5单元302室
经济技术开发区金马街道|5号楼
# names that hold what looks finer
漳浦县霞美镇五社村|十九组135号
五社村|3组
三组村|5号
一号村|3组
三队村|12号
四门闸村|3组
五座楼村|8组
十六号院社区|3号楼
车站西街十五号院社区|2单元
三号地村|5组
二号沟门村|老庄子12号
九连城镇三号地村|西头
三十里铺村|12号
十里铺村|二组
八一路社区|3号楼
二道巷社区|5号楼
友谊街回族社区|12号
五号井社区|3组
三十八号桥村|4组
七里河社区|8号
十二楼社区|一组
东三路社区|5单元
院子村|三社
后屯村|2组
新社区|3号
村头村|5组
村前村|7号
村东社区|3组
前村村|8组
崔村村|老庄子12号
前村村村委会|3组
城里村|6号
李家院村|5号
杨家巷村|2组
李家胡同社区|3号
张家大院村|9组
赵集东街村|16组
街道口街道铁箕山社区|5栋
村前街道|3号
中村乡李村|5号
时村营乡上陈村|5组
路村营乡押涧村|12-2-1103
杜村集乡关村|第3村民小组12号
高村镇高村|5组
大陆村镇大陆村第四村|一组
王村镇|胜利路3号
市中区市中街道|3号
市南区八大湖街道|5号
桥西区东里街道|6号
中山路街道|5号
街道街村|3组
长安镇社区|5号楼
古镇镇古镇村|8号
镇南村|5组
乡里村|5组
区府社区|3栋
东郊农场社区|5号
海南村|5组
吉林社区|5号
青岛路社区|3号
北京路社区|8号楼
白马新村|12栋
新村|5组
彭浦新村第七社区|3号
金家村第一社区|3号楼
工人新村一社区|5号
青云店三村一村|9号
鸡鸣村一村|5组
郝村中村|三组
吴村铺村|5组
东方社区王河沟村|7号
石桥社区村|3组
计家社区居委会|3号
官浔居委会|5组
王寺村民委员会|5组
王寺村村民委员会|5组
王寺村委会|5组
永明社区居民委员会|3号
永明居民委员会|3号
二队窑村民委员会|5组
三号地村委会|8号
101社区|3号楼
第一社区|5号
第三村|6号
# herders, farms, companies
巴音哈拉嘎查|3组
察尔森嘎查委员会|5号
额尔登敖包嘎查村|12号
满都拉图苏木巴彦嘎查|5组
柴开牧委会|5号
八五〇农场第七管理区|5号
一四八团三连|12号
芳草湖农场三十二连|7号
小岭林场|12号
新田分场生活区|6号
红旗农场|五队12号
东风牧场|3号
国营茶场|一队
青山林场三分场|5号
# notes, labels and blanks
王寺街道(原王寺镇)王寺村|5组
王寺村|(五组)
王寺村|（高庄）12号
住址:长安区王寺村|5组
家庭住址：王寺村|5组
现住王寺村|5组
1、王寺村|5组
710100陕西省西安市长安区王寺街道王寺村|5组
610116001203-王寺村|5组
王寺村|5组、李庄村6组
王寺 街道 王寺村 |5 组
长安区王寺村\n|5组
王寺\u200b村|5组
# no town and no village: a road or estate name stands in
新华路|203号院34号楼6单元203室
和谐家园|31栋3单元603
太平巷|218号
长安区振兴路|78号
甘井子区胜利路|85号
湖北樊城胜利路|84号
望京花园|3号楼
人民路|12号公寓3栋
胜利路|八号文化小区3栋
橡胶厂家属院|5栋
# nothing to keep
|3组12号
|12号
|十九社60号
|高家塘66号
|3号楼2单元501
|东方明珠16栋4单元702
|老庄子12号
|李家院66号
|5-302
|***
古雷镇|高家塘66号
"""

# Nothing finer than a village in it: the address ends where its divisions do, or is none.
WHOLE = r"""
玉麦镇红新村
玉麦镇
长安区
同上

无
-
张三
南昌市青山湖区上海路街道玉华社区
官浔镇官浔居委会
永明社区
五社村
三组村
一号村
八一路社区
三十里铺村
二道巷社区
十六号院社区
村头村
前村村
中村乡
村前街道
街道口街道
高新区紫贞街道
市中区
王寺村村民委员会
王寺村委会
官浔居委会
巴音哈拉嘎查
一四八团三连
八五〇农场第七管理区
新疆维吾尔自治区
陕西省西安市长安区
湖北省襄阳市樊城区高新区紫贞街道
友谊街回族社区
石桥社区村
彭浦新村第七社区
青云店三村一村
大琅村
13800元
2023年3月
355
低保
城镇居民
因病致贫
是
本人
"""

# Prose | what must be gone from it, separated by spaces.
FOUND = """
4、潘森晓，18249886478，阿克陶县塔尔塔吉克民族乡库祖村第3村民小组108号，13800元|第3村民小组 108号
住址：肇庆市德庆县凤村镇绿洲小区8号楼1单元101室，联系电话：15364758645|8号楼 1单元 101室
现租住甘井子区胜利路85号3单元402 355元|85号 3单元 402
家住海茂社区和平大街202号院36号楼4单元702室，有残疾|202号院 36号楼 702室
张三系马务村七社村民|七社
现居住在王寺村五组张三家|五组
申请人李四 马务村七社70号 355元|七社 70号
玉麦镇红新村8组、9组，红新村10组|8组 9组 10组
他住在东方明珠16栋4单元702室|16栋 4单元 702
住址:3组12号|3组 12号
户籍地址陕西长安韦曲街道双竹村九组12号现住韦曲街道东西路3号楼|九组 12号 3号楼
住武陵镇高家塘66号|高家塘 66号
漳浦县霞美镇五社村十九组135号|十九组 135号
漳浦县霞美镇五社村东蔡屯17号|东蔡屯 17号
王寺街道 王寺村 5组 12号 355元|5组 12号
住古雷镇 高家塘 66号|高家塘 66号
王寺村东5组的李四|5组
王寺村委会东50米|东50米
新城小区A5号楼2单元301|5号楼 301
永昌县新城子镇塔儿湾村张家湾，男|张家湾
和谐家园31栋3单元603，电话|31栋 603
幸福里小区12-2-1103，女|12-2-1103
王寺村第三村民小组。|第三村民小组
迁往永明社区太平巷17号附3号居住|17号 附3号
王寺村一组与二组之间|一组 二组
新华路203号院34号楼6单元203室|203号院 203室
高家镇李村5组张三、王村8组李四|5组 8组
青年路53号民政局3楼580室|53号
住李于村5组|5组
家庭住址：大柳树村老鸹窝，电话|老鸹窝
住址: 大柳树村河对面|河对面
户口在老庄子村上湾组。|上湾组
住于家村5组|5组
红新村(8组)12号|8组 12号
永明社区12网格5栋|12网格 5栋
胜利路八号文化小区3栋|3栋
人民路12号公寓3栋，|3栋
王寺村5组(原3组)|5组
"""

NOT_FOUND = """

第3组第2题，一组织，领导小组，党组，12号文件
国发〔2014〕47号
德民字〔2023〕81号 青民发〔2023〕12号
新城子镇民政办
中国工商银行青山湖区支行
长安区人民政府
王寺村股份经济合作社
第二中学3班 长安区第三小学
最高人民法院公告2023年第3号
长安区法院(2020)京0105民初123号
5号线 12306 9月1号 3号桥
八一路社区居委会
经九市镇大琅村民主评议
王寺村低保对象第3组
青山湖区2023年第3批12号
共下设5组，每组3人；第1组：张三
社会保障 社会保险 社会救助 三社联动
公示期2023年2月9日至2023年2月16日
监督电话：0903-6352947 举报电话：12345
白箬铺镇2022年度低保人员名单
三农服务队伍 一层意思 五座谈会
救助金额1000元 13800元 355元
甲方乙方 A级 B超 三层次
各村、各社区 五个村
3门课 12户籍
2020-2023年 0745-8792710
第十二届三次会议
住房管理办法(住建部令11号)
红星社区领导小组，王寺村工作组，村党组
家庭住址：大柳树村，电话
王寺村党支部共有党员45名，全村312户1205人
二类低保45户，三类12户
公交5路车到新华路站，步行200米即到
第一组组长 第二队队员 5号文 2号机组 三层架构 5楼以下
三间房屋，四门八窗，一院两户，两栋楼房
编号：QSH-2023-12号；合同号3-12-1103；批次2-1
红星社区下辖8个村民小组
二室一厅
"""


def rows(table: str) -> list[str]:
    lines = [line for line in table.strip("\n").split("\n") if not line.startswith("#")]
    return [line.replace("\\n", "\n").replace("\\u200b", "\u200b") for line in lines]


@pytest.mark.parametrize("row", rows(CUTS))
def test_cut(row: str) -> None:
    kept, _, gone = row.partition("|")
    address = parse_address(kept + gone)
    assert address is not None
    assert (kept + gone)[: cut(address)].rstrip() == kept.rstrip()
    assert cut(address) < address.end


@pytest.mark.parametrize("text", rows(WHOLE))
def test_cut_noop(text: str) -> None:
    address = parse_address(text)
    assert address is None or cut(address) == address.end == len(text)


@pytest.mark.parametrize("row", rows(FOUND))
def test_find(row: str) -> None:
    text, _, gone = row.partition("|")
    masked = text
    for address in reversed(find_addresses(text)):
        masked = masked[: cut(address)] + "***" + masked[address.end :]
    assert [word for word in gone.split() if word in masked] == []


@pytest.mark.parametrize("text", rows(NOT_FOUND))
def test_find_noop(text: str) -> None:
    assert find_addresses(text) == []


@pytest.mark.parametrize(
    ("text", "level", "kept"),
    [
        ("陕西省西安市长安区王曲街道王曲村九组", "village", "陕西省西安市长安区王曲街道王曲村"),
        ("陕西省西安市长安区王曲街道王曲村九组", "town", "陕西省西安市长安区王曲街道"),
        ("陕西省西安市长安区王曲街道王曲村九组", "county", "陕西省西安市长安区"),
        ("陕西省西安市长安区王曲街道王曲村九组", "city", "陕西省西安市"),
        ("陕西省西安市长安区王曲街道王曲村九组", "province", "陕西省"),
        ("陕西省西安市长安区王曲街道王曲村九组", "fine", "陕西省西安市长安区王曲街道王曲村九组"),
        ("甘井子街道海茂社区和平大街202号院", "village", "甘井子街道海茂社区"),
        ("甘井子街道海茂社区和平大街202号院", "road", "甘井子街道海茂社区和平大街"),
        ("甘井子街道海茂社区和平大街202号院", "town", "甘井子街道"),
        ("新华路203号", "village", "新华路"),
        ("新华路203号", "town", ""),
        ("甘井子区新华路203号", "county", "甘井子区"),
        ("甘井子街道新华路", "village", "甘井子街道"),
        ("玉麦镇红新村", "town", "玉麦镇"),
    ],
)
def test_cut_at_level(text: str, level: str, kept: str) -> None:
    address = parse_address(text)
    assert address is not None
    assert text[: cut(address, level)] == kept


def test_parts() -> None:
    text = "陕西长安韦曲街道双竹村太平巷9号"
    address = parse_address(text)
    assert address is not None
    assert [(part.level, text[part.start : part.end]) for part in address.parts] == [
        ("province", "陕西"),
        ("county", "长安"),
        ("town", "韦曲街道"),
        ("village", "双竹村"),
        ("road", "太平巷"),
        ("fine", "9号"),
    ]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("王寺村5组、李庄村6组", ["王寺村", "李庄村"]),
        ("王寺村5组；长安区李庄村6组12号", ["王寺村", "长安区李庄村"]),
        ("王寺村5组/6组", ["王寺村"]),
        ("王寺村5组、6组、李庄村7组、8组", ["王寺村", "李庄村"]),
        ("王寺村5组\n李庄村6组", ["王寺村", "李庄村"]),
        ("王寺村5组，现住永明社区3号楼", ["王寺村", "永明社区"]),
        ("王寺村、李庄村6组", ["王寺村", "李庄村"]),
        ("王寺村、6组", ["王寺村、"]),
        ("王寺村5组", ["王寺村"]),
        ("3号楼、4号楼", [""]),
        ("同上", []),
        ("", []),
    ],
)
def test_parse_addresses(text: str, kept: list[str]) -> None:
    found = parse_addresses(text)
    assert [text[address.start : cut(address)].removeprefix("现住") for address in found] == kept


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("望城区靖港镇政府大院2楼208室", True),
        ("望城区白箬铺镇便民服务中心2楼298室", True),
        ("广西壮族自治区贵港市港北区环城西路193号民政局3楼434室", True),
        ("长安区政务服务大厅3号窗口", True),
        ("长安区行政中心2号楼", True),
        ("王寺街道办事处3楼", True),
        ("长安区第一人民医院5楼", True),
        ("长安区第三小学", True),
        ("长安区民政局", True),
        ("王寺村委会东50米", False),
        ("王寺村学校对面", False),
        ("长安区医院家属院3栋", False),
        ("长安区中学宿舍3号楼201室", False),
        ("永昌县敬老院3楼205室", False),
        ("王寺村5组", False),
        ("长安区振兴路78号", False),
        ("永明社区太平巷17号", False),
    ],
)
def test_is_agency_place(text: str, expected: bool) -> None:
    address = parse_address(text)
    assert address is not None
    assert is_agency_place(text, address) is expected


WORDS = """陕西省 西安市 长安区 王寺街道 中村乡 玉麦镇 王寺村 村村 村头村 五社村 永明社区 居委会 嘎查 农场 三连
    高新区 新华路 太平巷 绿洲小区 里 院 3 12 十九 第 组 社 队 号 号楼 栋 单元 室 # - 甲 A座 高家塘 老庄子 张三 现住
    住址： 、 ， （ ） * *** ； 米 东 对面 民政局 355元 2023年 政府大院 附 村 社区 镇 街道 １２"""
PIECES = st.lists(st.sampled_from([*WORDS.split(), " ", "\n", "\u200b"]), max_size=14).map("".join)
TEXTS = st.one_of(PIECES, st.text(max_size=40))


def well_formed(address: Address, text: str) -> bool:
    """Parts in order, in bounds, none empty, of levels that never get coarser."""
    at, rank = address.start, 0
    for part in address.parts:
        if not (at <= part.start < part.end and LEVELS.index(part.level) >= rank):
            return False
        at, rank = part.end, LEVELS.index(part.level)
    return address.start >= 0 and at == address.end <= len(text) and bool(address.parts)


@given(TEXTS)
@settings(max_examples=600)
def test_any_text_gives_well_formed_addresses(text: str) -> None:
    whole = parse_address(text)
    assert whole is None or well_formed(whole, text)
    for found in (parse_addresses(text), find_addresses(text)):
        assert all(well_formed(address, text) for address in found)
        assert all(one.end <= two.start for one, two in pairwise(found))


@given(TEXTS)
@settings(max_examples=600)
def test_masking_a_cell_again_changes_nothing(text: str) -> None:
    address = parse_address(text)
    if address is None:
        return
    masked = text[: cut(address)] + "***"
    again = parse_address(masked)
    assert again is not None
    assert masked[: cut(again)] + "***" == masked


@given(
    PIECES, st.sampled_from(["5组", "12号", "高家塘66号", "3号楼2单元501", "12-2-1103", "十九社"])
)
@settings(max_examples=300)
def test_nothing_behind_a_village_survives(before: str, fine: str) -> None:
    text = f"{before}王家沟村{fine}"
    address = parse_address(text)
    assert address is not None
    assert not text[: cut(address)].endswith(fine)


@given(PIECES)
@settings(max_examples=300)
def test_masked_prose_holds_no_address(text: str) -> None:
    masked = text
    for address in reversed(find_addresses(text)):
        masked = masked[: cut(address)] + "***" + masked[address.end :]
    for address in find_addresses(masked):
        # Of words strewn at random, one may end where the mask begins: 现住王寺村陕西省***.
        assert "***" in masked[cut(address) : address.end + 3]


@pytest.mark.parametrize(
    "part", ["村", "1号", "张镇", "甘井子区", "一", "1-", "政府大厅", "甲", "组、"]
)
def test_long_text(part: str) -> None:
    text = part * (60_000 // len(part))
    whole = parse_address(text)
    assert whole is None or cut(whole) <= whole.end <= len(text)
    assert all(address.end <= len(text) for address in find_addresses(text))


# How couriers and maps write: an estate or a tower between the house number and the room.
COURIER = """
浙江杭州余杭区五常街道文一西路969号西溪人家12-2-401
江苏苏州昆山市玉山镇前进西路200号世茂东一号8-1602
重庆渝中区解放碑街道民权路28号英利国际18楼
福建泉州丰泽区东湖街道津淮街42号翡翠城5#1204
福建省厦门市思明区莲前街道洪莲路12号之203
甘肃省兰州市城关区广武门街道庆阳路234号民安大厦B塔1602
河北石家庄裕华区裕东街道槐安东路162号万达广场3号门
湖北荆州监利市容城镇天府大道68号水岸华庭1期3-1-802
上海市闵行区七宝镇七莘路3655弄52支弄6号502室
山东济南历下区姚家街道经十路11001号中海国际A2-3-2501
陕西西安未央区张家堡街道凤城八路华润二十四城2期5号楼东单元2102
上海市杨浦区五角场街道国定路580弄77号甲402室
四川成都锦江区春熙路街道红星路三段1号IFS国际金融中心1号楼3801
西安市碑林区长安路街道南关正街88号长安国际C座1708
福州市鼓楼区东街街道五四路89号置地广场28F04
哈尔滨市道里区尚志街道中央大街32号副1号
"""


@pytest.mark.parametrize("text", COURIER.split())
@pytest.mark.parametrize("before", ["", "家住", "张伟，"])
@pytest.mark.parametrize("behind", ["", "。请送到家里", "张伟收"])
def test_a_courier_address_goes_to_its_end(before: str, text: str, behind: str) -> None:
    found = list(find_addresses(f"{before}{text}{behind}"))
    assert [address.end for address in found] == [len(before + text)]
    kept = text[: cut(found[0]) - len(before)]
    assert kept.endswith(("街道", "镇", "路", "段", "街", "道", "莘", "弄"))


@pytest.mark.parametrize(
    "text",
    ["详见人民路88号联系电话010-65101", "人民路88号于2024-01-02公示", "人民路88号占地1200平方米",
     "人民路88号楼盘3层上市", "解放路12号附近有20元店"],
)  # fmt: skip
def test_a_house_number_takes_no_more_than_its_own_noop(text: str) -> None:
    assert all(text[address.end :] for address in find_addresses(text))


def test_divisions_are_found_alike_in_the_table_and_in_its_bytes() -> None:
    codes, names = divisions._rows()
    heads = sorted({name[:2] for name in names})[::50]
    for head in (*heads, "啊啊", "\ud800一", "\U0010ffff一", "aa", "一\0"):
        rows = [row for row in zip(names, codes, strict=True) if row[0].startswith(head)]
        assert list(divisions._in_table(head)) == rows, head
