-- offenders: sources without title, url, kind, date or licence
with sources as (
    select * from stg_sources
)

select
    source_id || '/source.toml' as place,
    'title, url, kind, date and licence are all needed' as description,
from sources
where
    coalesce(title, '') = ''
    or coalesce(url, '') = ''
    or coalesce(kind, '') = ''
    or coalesce(as_of_date, '') = ''
    or coalesce(licence, '') = ''
order by place
