-- one row per (source_id, row_from, row_to) of two scores of one ladder that share all their items
-- Paired variance of the difference: of shares, with one gained and one lost item added (Bonett and Price 2012), else
-- the sample variance of the differences over their number (Miller 2024).
with pairs as (
    select * from int_item_pairs
),

scored as (
    select * from int_scored_items
),

complete as (
    select
        pairs.*,
        before.is_binary and after.is_binary as is_binary,
    from pairs
    inner join scored as before
        on
            pairs.source_id = before.source_id
            and pairs.row_from = before.file_row
    inner join scored as after
        on
            pairs.source_id = after.source_id
            and pairs.row_to = after.file_row
    where
        pairs.is_whole
        and pairs.n_common = before.n_items
        and pairs.n_common = after.n_items
        and pairs.n_common > 1
),

measured as (
    select
        *,
        10000 * case
            when is_binary
                then (
                    (total_of_squares + 2) / (n_common + 2)
                    - (total / (n_common + 2)) * (total / (n_common + 2))
                ) / (n_common + 2)
            else greatest(total_of_squares - total * total / n_common, 0) / (n_common - 1) / n_common
        end as paired_variance,
    from complete
)

select * from measured
