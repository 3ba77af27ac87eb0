"""What citizens of the sample city say and what its departments answer, per leaf.

Everything is made up: the city, its streets and compounds, the people. Texts carry names, numbers
and addresses on purpose, so that masking has something to mask (R61).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Theme:
    """A leaf with its templates; the slots are those of ``cli.sampling.people.Slots``."""

    leaf: str
    path: tuple[str, str, str]
    department: str
    request_type: str
    obj: str
    """Template of the thing complained of; another thing is never a repeat (R13)."""
    titles: tuple[str, ...]
    texts: tuple[str, ...]
    cause: str
    findings: str
    handling: str


THEMES: tuple[Theme, ...] = (
    Theme(
        "environment.noise.night_construction",
        ("生态环境", "噪声污染", "夜间施工噪音"),
        "city-ecology",
        "complaint",
        "{compound}旁工地",
        ("{street}{compound}旁工地夜间施工扰民", "反映{compound}附近工地通宵施工"),
        (
            "市民{name}反映，{district}{street}{compound}{building}栋旁边的工地每晚十一点后还在打桩，"
            "孩子要上学，全家无法入睡，已经持续{days}天，请尽快处理，联系电话{phone}。",
            "我是{compound}{building}栋{unit}单元{room}室的住户，工地半夜浇筑混凝土，凌晨两点还有渣土车"
            "进出，噪音非常大，要求停止夜间施工。请回电{phone}，{name}。",
            "{compound}对面的工地昨晚又是通宵施工，打了几次电话都没有人管，强烈要求查处。"
            "来电人{name}，手机{phone}。",
        ),
        "施工单位为赶工期，在未取得夜间施工许可的情况下连续作业。",
        "执法人员当晚到{compound}现场检查，测得边界噪声超过夜间限值，情况属实。",
        "责令立即停止夜间施工并立案查处，要求张贴公告，夜间派员巡查。",
    ),
    Theme(
        "environment.noise.square_dancing",
        ("生态环境", "噪声污染", "广场舞噪音"),
        "city-urban-management",
        "complaint",
        "{compound}门口广场",
        ("{compound}门口广场舞音响扰民", "投诉{street}广场舞噪音"),
        (
            "{compound}门口广场每天早上六点就开始跳舞，音响开得非常大，{building}栋的老人心脏不好，"
            "请管一管。{name}，{phone}。",
            "市民来电：{street}{compound}外的广场舞队伍晚上九点半还不结束，劝说无效，还和居民发生争吵，"
            "希望限制时间和音量，联系人{name}{phone}。",
        ),
        "活动队伍未按约定时间和音量活动。",
        "社区与城管到场测量，音量超过约定值，活动时间超过二十一时。",
        "与领队签订文明活动公约，换用定向音响，每晚二十一时前结束。",
    ),
    Theme(
        "city.facilities.street_light",
        ("城市管理", "市政设施", "路灯不亮"),
        "city-urban-management",
        "help",
        "{road}{number}号路灯",
        ("{road}路灯不亮", "{street}{road}路灯损坏请求维修"),
        (
            "{district}{road}{number}号门口一段路灯已经{days}天不亮，晚上漆黑一片，上下班很不安全，"
            "请尽快维修。{name}，电话{phone}。",
            "{compound}到{road}路口有三盏路灯不亮，老人昨晚摔了一跤，请问什么时候修？回复请打{phone}。",
        ),
        "地下电缆老化短路，控制箱跳闸。",
        "维修人员到{road}排查，故障点在{number}号附近电缆接头。",
        "更换电缆接头并恢复送电，更换灯具两盏，列入巡查重点。",
    ),
    Theme(
        "city.facilities.manhole",
        ("城市管理", "市政设施", "井盖缺失"),
        "city-urban-management",
        "help",
        "{road}{number}号井盖",
        ("{road}井盖缺失存在隐患", "{road}{number}号门前井盖破损"),
        (
            "{road}{number}号门前的井盖不见了，旁边就是小学，万一有人掉下去怎么办？"
            "请马上处理！{name}{phone}。",
            "{street}{road}井盖破裂，车一压就响，已经有电动车摔倒，联系电话{phone}。",
        ),
        "重载车辆碾压造成井盖破损、丢失。",
        "现场确认{road}{number}号前雨水井盖缺失，权属为市政。",
        "当日设置围挡并更换防沉降井盖。",
    ),
    Theme(
        "city.facilities.road_damage",
        ("城市管理", "市政设施", "道路破损"),
        "city-urban-management",
        "help",
        "{road}路面",
        ("{road}路面破损严重", "请求修补{road}路面坑洼"),
        (
            "{road}自从铺管道之后路面坑坑洼洼，下雨全是水坑，骑电动车已经摔了好几个人，"
            "希望尽快修复。市民{name}，{phone}。",
            "{district}{road}{number}号至路口路段破损{days}天没人修，来往车辆颠簸，请责任单位处理。{phone}",
        ),
        "管线开挖后回填不实，路面沉陷。",
        "养护单位实测{road}破损约四十平方米。",
        "已安排铣刨重铺，夜间施工，两日内恢复通行。",
    ),
    Theme(
        "city.sanitation.rubbish_collection",
        ("城市管理", "环境卫生", "垃圾清运"),
        "city-urban-management",
        "complaint",
        "{compound}垃圾房",
        ("{compound}垃圾无人清运", "反映{street}{compound}垃圾堆积发臭"),
        (
            "{compound}{building}栋旁的垃圾房{days}天没有清运，臭气熏天，蚊虫很多，{unit}单元的住户不敢"
            "开窗，请派人清理。{name}，手机{phone}。",
            "市民反映{district}{compound}垃圾桶长期满溢，保洁公司说车坏了，要求恢复每日清运，回电{phone}。",
        ),
        "清运车辆故障，备用车辆调配不及时。",
        "现场垃圾满溢属实，清运频次由每日一次降为三日一次。",
        "当日清空并消杀，恢复每日清运，扣减保洁公司考核分。",
    ),
    Theme(
        "city.order.street_stalls",
        ("城市管理", "市容秩序", "占道经营"),
        "city-urban-management",
        "complaint",
        "{road}{number}号门前摊位",
        ("{road}摊贩占道经营", "{road}夜宵摊占道影响通行"),
        (
            "每天傍晚{road}{number}号门口摆满烧烤摊，人行道走不了，油污满地，{compound}居民意见很大，"
            "请城管来管。联系人{name}，{phone}。",
            "{street}{road}夜宵摊经营到凌晨，占了一半马路，救护车都进不来，希望取缔。{phone}",
        ),
        "疏导点未启用，摊贩聚集于路口。",
        "巡查发现占道摊位十一处，其中两处用火。",
        "劝离摊贩并引导进入疏导点，安排晚间值守。",
    ),
    Theme(
        "housing.property.fees",
        ("住房物业", "物业管理", "物业收费"),
        "city-housing",
        "complaint",
        "{compound}物业",
        ("{compound}物业乱收费", "投诉{compound}物业费涨价未经业主同意"),
        (
            "{compound}物业未经业主大会同意把物业费每平方米涨了{amount}角，不交就不给门禁卡，"
            "请查处。业主{name}，{building}栋{unit}单元{room}室，电话{phone}。",
            "{compound}物业公司除物业费外另收{amount}元公摊电费，不公示明细，要求退还，回电{phone}，"
            "身份证{id_card}。",
        ),
        "物业公司调价未履行表决程序。",
        "核对合同与公示，{compound}调价未经业主大会表决。",
        "责令恢复原标准并退还多收部分，公示收费明细。",
    ),
    Theme(
        "housing.property.elevator",
        ("住房物业", "物业管理", "电梯故障"),
        "city-market",
        "complaint",
        "{compound}{building}栋电梯",
        ("{compound}{building}栋电梯频繁故障", "{compound}电梯困人请求检修"),
        (
            "{compound}{building}栋{unit}单元电梯一周坏了三次，昨天把我母亲困在里面二十分钟，"
            "物业只说在等配件，请求尽快检修。{name}{phone}。",
            "{district}{compound}{building}栋电梯停运{days}天，住在{room}室的老人下不了楼，请协调处理，"
            "联系电话{phone}。",
        ),
        "门机控制板老化，维保单位配件不足。",
        "检验人员到{compound}{building}栋检查，存在两处隐患。",
        "更换门机控制板，完成检验后恢复运行，约谈维保单位。",
    ),
    Theme(
        "housing.property.leak",
        ("住房物业", "物业管理", "房屋漏水"),
        "city-housing",
        "help",
        "{compound}{building}栋{room}室",
        ("{compound}{building}栋房屋漏水", "{compound}外墙渗水至室内无人维修"),
        (
            "我家住{compound}{building}栋{unit}单元{room}室，顶楼漏水{days}天，墙皮都掉了，物业与开发商互相"
            "推诿，请协调维修。{name}，{phone}。",
            "{compound}{building}栋外墙渗水，一下雨{room}室客厅就进水，报修多次没有结果，电话{phone}。",
        ),
        "屋面防水层开裂，已过保修期，维修资金未启用。",
        "现场查勘，渗漏点位于屋面伸缩缝。",
        "启用应急维修资金，十日内完成防水修复。",
    ),
    Theme(
        "utilities.water.outage",
        ("公共事业", "供水", "停水"),
        "city-water",
        "help",
        "{compound}供水",
        ("{compound}停水", "{street}{compound}多次无故停水"),
        (
            "{compound}从昨天起停水，没有任何通知，家里有婴儿，请问什么时候恢复？{name}，{phone}。",
            "{district}{compound}{building}栋高层经常停水，这个月已经第三次，水泵房没人管，请处理，"
            "回电{phone}。",
        ),
        "二次供水泵房变频器故障。",
        "抢修人员到{compound}泵房，确认变频器烧毁。",
        "更换变频器并恢复供水，调配送水车，补装停水短信提醒。",
    ),
    Theme(
        "utilities.heating.cold",
        ("公共事业", "供暖", "供暖不热"),
        "city-housing",
        "help",
        "{compound}{building}栋暖气",
        ("{compound}{building}栋暖气不热", "供暖不达标，{compound}室温只有14度"),
        (
            "{compound}{building}栋{unit}单元{room}室暖气片一直不热，室内只有十四度，老人小孩都感冒了，"
            "请上门测温。{name}，{phone}。",
            "交了{amount}元暖气费，家里还是冷，热力公司来过一次没有解决，要求退费，电话{phone}。",
        ),
        "楼栋立管有气，换热站流量分配不均。",
        "上门测温{room}室为十四度，低于标准。",
        "排气并调整流量，复测十九度，按日退还热费。",
    ),
    Theme(
        "transport.bus.interval",
        ("交通运输", "公共交通", "公交候车时间长"),
        "city-transport",
        "complaint",
        "{line}路公交车",
        ("{line}路公交车候车时间太长", "建议增加{line}路早高峰班次"),
        (
            "{line}路公交车在{road}站早高峰等了四十分钟，连来三辆又一辆没有，上班天天迟到，请调整班次。"
            "{name}{phone}。",
            "市民反映{line}路末班车提前收车，{compound}一带的居民晚上回不了家，回电{phone}。",
        ),
        "驾驶员缺员，早高峰班次被压缩。",
        "调取{line}路运行数据，早高峰平均间隔二十二分钟。",
        "增加早高峰区间车三班，末班车按公示时间执行。",
    ),
    Theme(
        "transport.parking.charges",
        ("交通运输", "停车管理", "停车收费"),
        "city-market",
        "complaint",
        "{road}停车场",
        ("{road}停车场乱收费", "投诉{road}停车收费不合理"),
        (
            "{road}停车场停了不到两小时收{amount}元，没有价格公示牌，要发票也不给，请查处。{name}，{phone}。",
            "{road}路边泊位夜间免费时段仍然扣费，App申诉没人理，请退费，手机号{phone}。",
        ),
        "收费系统时段设置错误，公示牌缺失。",
        "核查{road}停车场收费记录，多收情况属实。",
        "退还多收费用，补设价格公示牌，责令整改。",
    ),
    Theme(
        "labour.wages.arrears",
        ("劳动就业", "工资报酬", "欠薪"),
        "city-human-resources",
        "report",
        "{company}",
        ("{company}拖欠工资", "请求追讨{company}拖欠的工资"),
        (
            "我在{company}做工，公司拖欠三个月工资共{amount}00元，老板不接电话，家里等钱用，请帮忙讨回。"
            "{name}，身份证{id_card}，电话{phone}。",
            "{company}十几名员工被拖欠工资，说没钱，却在{road}开新店，要求劳动监察介入。{phone}",
        ),
        "企业资金周转困难，未按约定日支付。",
        "劳动监察调取{company}工资表，欠发属实。",
        "下达限期支付指令书，企业已制定支付计划并付清首期。",
    ),
    Theme(
        "education.training.refund",
        ("教育", "校外培训", "培训机构退费"),
        "city-education",
        "complaint",
        "{shop}培训机构",
        ("{shop}培训机构拒绝退费", "投诉{shop}培训班停课不退学费"),
        (
            "在{road}{shop}培训机构给孩子报了班，交了{amount}0元，上了两节课老师离职，申请退费{days}天没有"
            "结果。家长{name}，{phone}。",
            "{shop}培训机构突然关门，门口贴了通知说装修，电话打不通，剩余课时要求退款，联系电话{phone}。",
        ),
        "机构教师流失停课，资金周转困难。",
        "教育部门到{shop}核查，停课与未退费属实。",
        "约谈负责人，按剩余课时分两期退费，首期已到账。",
    ),
    Theme(
        "market.consumer.prepaid_card",
        ("市场监管", "消费维权", "预付卡退费"),
        "city-market",
        "complaint",
        "{shop}健身房",
        ("{shop}健身房关门预付卡无法退款", "投诉{shop}会员卡余额不退"),
        (
            "{road}的{shop}健身房上周关门，会员卡里还有{amount}元退不了，几百个会员都找不到老板，请处理。"
            "{name}{phone}。",
            "我在{shop}办了两年卡，店转让后不认旧卡，要求退还余额，{name}，手机{phone}。",
        ),
        "经营者变更，未妥善处理存量会员。",
        "市场监管所查明{shop}预收资金未备案。",
        "组织调解，新经营者承接旧卡，愿退者七日内退款。",
    ),
    Theme(
        "social.insurance.contribution",
        ("社会保障", "社会保险", "社保缴纳"),
        "city-human-resources",
        "consultation",
        "{company}社保",
        ("咨询社保补缴问题", "{company}未按时缴纳社保"),
        (
            "{company}从去年起没有给员工缴社保，影响孩子入学，能不能补缴？{name}，身份证号{id_card}，"
            "电话{phone}。",
            "咨询：从外地转来的社保{days}天了还查不到，办事大厅让回原籍，到底怎么办？请回电{phone}。",
        ),
        "单位申报遗漏，系统未生成应缴记录。",
        "核对参保记录，{company}漏报属实。",
        "责令单位补缴并免收个人滞纳金，已告知办理流程。",
    ),
    Theme(
        "environment.air.dust",
        ("生态环境", "大气污染", "工地扬尘"),
        "city-ecology",
        "complaint",
        "{compound}旁工地",
        ("{compound}旁工地扬尘严重", "{road}渣土堆场扬尘污染"),
        (
            "{compound}旁边工地不洒水不覆盖，灰尘飘到{building}栋阳台，衣服都不能晒，请管。{name}，{phone}。",
            "{road}工地的渣土车不冲洗就上路，整条街都是泥土和灰，{days}天了没有人处理，电话{phone}。",
        ),
        "工地裸土未覆盖，喷淋设施未开启。",
        "检查发现裸土约八百平方米，冲洗平台停用。",
        "责令覆盖并开启喷淋，罚款并纳入信用记录。",
    ),
    Theme(
        "safety.fire.exit_blocked",
        ("公共安全", "消防安全", "消防通道堵塞"),
        "city-housing",
        "report",
        "{compound}消防通道",
        ("{compound}消防通道被堵", "举报{compound}{building}栋消防通道堆放杂物"),
        (
            "{compound}{building}栋消防通道停满车，前几天有人家里冒烟消防车进不来，太危险了！"
            "{name}，电话{phone}。",
            "{compound}{unit}单元楼道堆满杂物和电动车，物业不清理，请消防来检查，联系人{name}{phone}。",
        ),
        "物业未划线管理，车位不足。",
        "现场消防通道被七辆车占用，无标线。",
        "施划标线、设置隔离柱，劝离车辆并处罚物业。",
    ),
)

CHASES = (
    "我上次反映的问题{days}天了还没有人联系我，到底办到哪一步了？电话{phone}。",
    "催办：问题仍然存在，请尽快给个说法，再不解决我要到市里反映。{name}",
    "请转告承办单位尽快处理，我的电话还是{phone}。",
)
REPEATS = (
    "第{count}次来电：{text}",
    "之前反映过，说已经处理，但问题又出现了。{text}",
    "上次回复说解决了，根本没有解决！{text}",
)
ANGRY = "再不处理我就去省里上访，还要找媒体曝光！{text}"
CITIZEN_SAID = (
    "市民表示认可，感谢处理。",
    "市民表示已知晓，希望不要反复。",
    "市民对处理时间较长有意见。",
)
UNHAPPY = ("问题仍然存在，没有人上门。", "回复内容与事实不符。", "态度差，敷衍了事。")
ANSWERS = (
    "已向市民解释政策并告知办理窗口地址。",
    "已告知工单办理进展和下一步时限，市民同意等待。",
    "已告知缴费标准和减免条件。",
)
