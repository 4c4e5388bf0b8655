"""Prints a calendar of Chinese working days, from the published notices, as TOML.

A developer runs `python -m deploy.tools.working_calendar YEAR...` once a year and commits the output; the services read
only that file.
"""

import sys
from datetime import date, timedelta

import chinese_calendar

HEAD = """# Working days of mainland China; written by deploy/tools/working_calendar.py, do not edit the dates by hand.
name = "cn"
zone = "Asia/Shanghai"
kind = "working"
week = [1, 2, 3, 4, 5]

[counting]
end = "close_of_business"
ours = "the starting day is not counted, the end is close of business (DECISIONS 2); a pack says whether it rolls"

[hours]
open = [[08:30:00, 12:00:00], [13:30:00, 17:30:00]]
ours = "the documents are silent (DECISIONS 3)"

[days]
ours = "notices of the State Council on public holidays, as kept by the package chinesecalendar"
"""


def calendar(years: list[int]) -> str:
    """Return the TOML file for these years."""
    days = [date(year, 1, 1) + timedelta(number) for year in years for number in range(366)]
    days = sorted({day for day in days if day.year in years})
    holidays = [day for day in days if day.isoweekday() <= 5 and chinese_calendar.is_holiday(day)]  # noqa: PLR2004
    workdays = [day for day in days if day.isoweekday() > 5 and chinese_calendar.is_workday(day)]  # noqa: PLR2004
    return f"{HEAD}years = {years}\nholidays = {_dates(holidays)}\nworkdays = {_dates(workdays)}\n"


def _dates(days: list[date]) -> str:
    lines = [", ".join(day.isoformat() for day in days[start : start + 8]) for start in range(0, len(days), 8)]
    return "[\n" + "".join(f"    {line},\n" for line in lines) + "]"


if __name__ == "__main__":
    sys.stdout.write(calendar([int(year) for year in sys.argv[1:]]))
