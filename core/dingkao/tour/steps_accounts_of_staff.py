"""账户与角色管理: the three administrators, each with what is his and without what is not."""

import secrets

from dingkao.tour.people import World


def administer(world: World) -> None:
    """Make an account of staff, give and end a role, disable and enable it; what administrators must not see."""
    keeper = world.security_administrator
    login_name = f"tour-{secrets.token_hex(6)}"
    created = keeper.do(
        "CreateStaffAccount",
        "InitialSecretIssued",
        "新建机构定考负责人账户，初始密码仅显示一次",
        input={
            "loginName": login_name,
            "name": "新任经办人",
            "role": "INSTITUTION_OFFICER",
            "organisationId": world.hospital_id,
        },
    )
    account = created["account"]["id"]
    shown = keeper.read("StaffAccounts", "查找账户", search=login_name)["edges"]
    keeper.equal("StaffAccounts", "found by the whole login name", [edge["node"]["id"] for edge in shown], [account])
    given = {"loginName": login_name, "role": "INSTITUTION_OFFICER", "organisationId": world.other_hospital_id}
    keeper.refused("AssignRole", "ROLES_EXCLUDE_EACH_OTHER", "ORGANISATION_KIND",
                   input={**given, "role": "AUDIT_ADMINISTRATOR"})  # fmt: skip
    held = keeper.do("AssignRole", "StaffAccount", "授予另一机构的角色", input=given)["roles"]
    keeper.equal("AssignRole", "roles held", sum(role["current"] for role in held), 2)
    ended = keeper.do("EndRole", "StaffAccount", "终止该角色，立即生效", input={"roleId": held[1]["id"]})["roles"]
    keeper.equal("EndRole", "roles held", sum(role["current"] for role in ended), 1)
    keeper.do("RenewInitialSecret", "InitialSecretIssued", "重新发放初始密码", input={"accountId": account})
    change = {"accountId": account, "reason": "离职"}
    disabled = keeper.do("ChangeAccount", "StaffAccount", "停用账户", input={**change, "change": "DISABLE"})
    keeper.equal("ChangeAccount", "disabled", disabled["disabled"], True)
    world.authority.refused("ChangeAccount", "FORBIDDEN", input={**change, "change": "ENABLE"})
    keeper.refused("Doctors", "FORBIDDEN", first=1)
    keeper.refused("SystemInformation", "FORBIDDEN")
    system = world.system_administrator
    system.read("SystemInformation", lambda value: f"版本{value['version']}，{value['database']}")
    system.refused("StaffAccounts", "FORBIDDEN", first=1)
    system.refused("Doctors", "FORBIDDEN", first=1)
    auditor = world.audit_administrator
    told = auditor.read("AuditEntries", lambda value: f"最近{len(value['edges'])}条", first=50)
    numbers = [edge["node"]["number"] for edge in told["edges"]]
    auditor.equal("AuditEntries", "the newest first", numbers, sorted(numbers, reverse=True))
    refused = auditor.read("AuditEntries", "被拒绝的操作", first=1, refused=True, action="CHANGE_ACCOUNT")
    auditor.equal("AuditEntries", "the officer's", [edge["node"]["result"] for edge in refused["edges"]], ["FORBIDDEN"])
    auditor.refused("Doctors", "FORBIDDEN", first=1)
    for other in (keeper, system, world.authority):
        other.refused("AuditEntries", "FORBIDDEN", first=1)
