"""Lists for people, page by page, as `governance.paging` has them for all rooms."""

from governance.paging import PAGE_SIZE, Page, page_of, read_id, reader_of

__all__ = ["PAGE_SIZE", "Page", "page_of", "read_id", "reader_of"]
