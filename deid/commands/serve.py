"""deid serve: the HTTP service and the clerks' page."""

from __future__ import annotations

import click

from deid.console import HELP, talk


@click.command("serve", options_metavar="[选项]", short_help="启动网页和 HTTP 服务")
@click.option("--host", metavar="ADDRESS", help="监听的地址；默认 127.0.0.1，只有本机能访问")
@click.option("--port", type=int, metavar="PORT", help="端口；默认 8000")
@click.option(
    "--key-file", metavar="FILE", help="允许的密钥（每行一个 SHA-256）；监听其他地址时必须有"
)
@click.option("--workers", type=int, metavar="N", help="处理文件的进程数；默认 1")
@click.option("--new-key", is_flag=True, help="只打印一个新密钥和写进密钥文件的那一行，然后结束")
@HELP
def command(
    host: str | None, port: int | None, key_file: str | None, workers: int | None, new_key: bool
) -> int:
    """启动网页和 HTTP 服务，按 Ctrl-C 停止。其他设置用环境变量 DEID_…（见 README）。"""
    from deid.service_loader import run_service, service_module

    if new_key:
        settings = service_module("settings")
        key = settings.new_key()
        click.echo(f"密钥（只显示这一次，交给使用的人）：{key}")
        click.echo(f"写进密钥文件的一行：{settings.key_digest(key)}")
        return 0
    return run_service(talk, host=host, port=port, key_file=key_file, workers=workers)
