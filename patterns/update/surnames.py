"""Rebuild ``patterns/tables/surnames.csv``: Han surnames, and how names of other peoples begin.

Sources: 百家姓 (Song dynasty, public domain) for most; the hundred most frequent surnames in their
order after the Ministry of Public Security's report on names of 2020, from memory and not verified;
further surnames in use today, and the ones that peoples other than the Han took, own work from
memory. A surname that is also a common word is here only where families bear it.

    python patterns/update/surnames.py

``kind``: single or compound. ``rank`` is the place by number of bearers, empty when unknown.
"""

from __future__ import annotations

import csv
from pathlib import Path

TABLE = Path(__file__).resolve().parents[1] / "tables" / "surnames.csv"

RANKED = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢"
    "姚沈钟姜崔谭陆范汪廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向常"
)

# 百家姓, in its own order.
HUNDRED = (
    "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏水窦章云苏潘葛奚范彭郎"
    "鲁韦昌马苗凤花方俞任袁柳酆鲍史唐费廉岑薛雷贺倪汤滕殷罗毕郝邬安常乐于时傅皮卞齐康伍余元卜顾孟平黄"
    "和穆萧尹姚邵湛汪祁毛禹狄米贝明臧计伏成戴谈宋茅庞熊纪舒屈项祝董梁杜阮蓝闵席季麻强贾路娄危江童颜郭"
    "梅盛林刁钟徐邱骆高夏蔡田樊胡凌霍虞万支柯昝管卢莫经房裘缪干解应宗丁宣贲邓郁单杭洪包诸左石崔吉钮龚"
    "程嵇邢滑裴陆荣翁荀羊於惠甄曲家封芮羿储靳汲邴糜松井段富巫乌焦巴弓牧隗山谷车侯宓蓬全郗班仰秋仲伊宫"
    "宁仇栾暴甘钭厉戎祖武符刘景詹束龙叶幸司韶郜黎蓟薄印宿白怀蒲邰从鄂索咸籍赖卓蔺屠蒙池乔阴郁胥能苍双"
    "闻莘党翟谭贡劳逄姬申扶堵冉宰郦雍郤璩桑桂濮牛寿通边扈燕冀郏浦尚农温别庄晏柴瞿阎充慕连茹习宦艾鱼容"
    "向古易慎戈廖庾终暨居衡步都耿满弘匡国文寇广禄阙东欧殳沃利蔚越夔隆师巩厍聂晁勾敖融冷訾辛阚那简饶空"
    "曾毋沙乜养鞠须丰巢关蒯相查后荆红游竺权逯盖益桓公仉督晋楚闫法汝鄢涂钦岳帅缑亢况郈有琴商牟佘佴伯赏"
    "墨哈谯笪年爱阳佟言福"
)

# In use today and not in 百家姓; the last two lines are those that Hui, Yi, Dai, Zhuang, Yao, Tujia,
# Tu, Salar, Mongol and Manchu families took, and how written names of other peoples often begin.
FURTHER = (
    "肖付闫覃涂牟揭代丛占仝冼尧谌候兰初修亓但辜仵朴敬种官位战丘尉过植税苟芦苑楼邸郇郄鄞冶么才信隋展由洛海英迟"
    "原母粟银凡啜揣线续睢栗颉庹苌矫来鹿麦保普鲜勉衣菅佀郅郐呼问檀端补先奉洗操首良药衷豹责酒顶允凉力叔品奇孝树"
    "定实密庚开律忻昂昌春星智木朱杭根校汉波泽淳清渠漆潜澹炅玄瑞甫畅直真磨社稂筱粘聊舟苍荔营蔚藩虢褟谯豆责"
    "赏起遆邝里铁长降隽集雒雪青飘骞鹤默齐依克列加升南嘉因如延弥彦御承折招昭晓来枚桐梁欣殿民水油泉洁活浩湖"
    "源烈珠班理登盈真矿羽老耶肇萨藏赫达迎运逢遥部闫陀随零顺馥庄尔居岢崖州帕归扈候宿冀过侴乜刁冮逄祖泰旷逯首皇邓"
    "马喇买闪锁敏妥虎剡把撒拜脱黑朵刀召罕线寸字杞茶自禾沙者李普鲁白阿俄吉曲木海沐农韦蓝盘禤韩冉彭向田祁鲍包"
    "佟关那富赵郎图恩德博额乌哈卡艾买阿吐努麦热玉依莫阔旦扎才多卓措尼桑索洛嘎拉贡仁格央完羊朝其"
)

COMPOUND = (
    "万俟 司马 上官 欧阳 夏侯 诸葛 闻人 东方 赫连 皇甫 尉迟 公羊 澹台 公冶 宗政 濮阳 淳于 单于 太叔 申屠 "
    "公孙 仲孙 轩辕 令狐 钟离 宇文 长孙 慕容 鲜于 闾丘 司徒 司空 亓官 司寇 仉督 子车 颛孙 端木 巫马 公西 "
    "漆雕 乐正 壤驷 公良 拓跋 夹谷 宰父 谷梁 段干 百里 东郭 南门 呼延 归海 羊舌 微生 梁丘 左丘 东门 西门 "
    "南宫 第五 "
    # Further compound surnames that the civil registers hold.
    "独孤 南郭 北宫 纳兰 欧侯 爱新 叶赫 完颜 耶律 尉犁 贺兰 贺若 宿勤 达奚 达勃 屈突 斛律 斛斯 库狄 莫折 万纽 "
    "哥舒 仆固 沙陀 沙吒 阿史 阿跌 契苾 侯莫 丘穆 步陆 乌古 乌孙 呼揭 且末 安国 安期 安陵 北堂 北郭 北野 "
    "伯赏 不更 苍舒 昌意 成公 成阳 重黎 楚丘 褚师 大庭 大罗 当涂 邓陵 东里 东丘 东野 东宫 范阳 方雷 封人 "
    "夫余 扶余 傅余 高车 高堂 高阳 公伯 公都 公父 公户 公明 公上 公输 公叔 公仪 公玉 公仲 公坚 毌丘 母丘 "
    "关龙 盖楼 韩侯 汗奚 浩生 弘农 胡毋 胡母 胡非 斛谷 华原 桓侯 季孙 即墨 骆越 巨毋 夸父 昆吾 兰利 乐羊 "
    "黎丘 列御 林胡 柳下 陆浑 吕管 马服 马适 毛遂 梅里 孟获 墨台 默容 木易 穆陵 南荣 南史 内史 女娲 欧冶 "
    "彭祖 蒲姑 普周 期思 綦连 綦毋 青阳 屈男 曲沃 刹利 山戎 少典 少正 少室 射声 申叔 神农 胜屠 石作 士孙 "
    "叔孙 叔仲 叔梁 水丘 司城 司功 司国 司鸿 司揭 司礼 太史 唐山 屠门 屠岸 涂山 吐浑 王官 王孙 王叔 微子 "
    "尾生 尾勺 乌石 无庸 五里 五鹿 西闾 西乡 西陵 西郭 夏后 仙源 相里 谢丘 新垣 信都 信平 熊相 徐吾 延陵 "
    "延州 阳成 阳城 羊角 耶溪 伊祁 义渠 逸民 雍门 游水 有巢 有熊 于陵 右行 右师 鱼孙 玄都 原仲 允格 泽北 "
    "曾子 张简 张廖 张包 张许 范姜 范江 翁吕 欧林 郭罗 陈梁 徐辜 刘付 刘傅 江谢 鲁费 岳帅 佘佴 哈笪 年爱 "
    "阳佟 言福 墨哈 谯笪 长鱼 折兰 只斤 州来 朱耶 颛臾 祝融 宗圣 左人 左行 夏阳 车非 车遂 富察 钮祜 瓜尔 "
    "马佳 索绰 齐佳 那拉 董鄂 赫舍 他塔 伊尔 舒穆 佟佳 乌雅 西林 辉发 叶何 纳喇 博尔 孛儿 鄂伦 敖拉 鄂温 "
    "吉尼 阿侯 吉克 沙马 阿苏 阿尔 马海 曲木 海来 井研 尔古 吉木 阿的 勒伍 莫色 贾巴 加巴 木呷 吉伍 俄木 "
    "尼克 约其 罗洪 金古 瓦扎 瓦其 苏呷 阿约 阿木 阿皮 补约 八且 黑惹 的日 热柯 乃古 吉火 吉斯 吉额"
)


def single_surnames() -> list[str]:
    """The surnames of one character: the frequent ones in order, then the others."""
    return list(dict.fromkeys(RANKED + HUNDRED + FURTHER))


def rows() -> list[tuple[str, str, str]]:
    """Surname, kind and rank."""
    rank = {name: str(place) for place, name in enumerate(RANKED, 1)}
    single = [(name, "single", rank.get(name, "")) for name in single_surnames()]
    return sorted(single + [(name, "compound", "") for name in set(COMPOUND.split())])


def main() -> None:
    """Write the table."""
    with TABLE.open("w", encoding="utf-8", newline="") as table:
        table.write(
            "# source: 百家姓 (public domain); ranks after the Ministry of Public Security's report on"
            " names, from memory\n# edition: ranks 2020, not verified; compiled 2026, Apache-2.0\n"
        )
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(("surname", "kind", "rank"))
        writer.writerows(rows())


if __name__ == "__main__":
    main()
