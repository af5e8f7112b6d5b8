"""gunicorn's threaded worker, whose threads stay a moment with a connection they have answered.

gunicorn gives a kept connection back to the worker's main thread after each answer, and takes it to a thread again when
its next request comes: two changes of threads for each call, and a pipeline's calls follow one another at once. Here
the thread that answered waits for the next request itself, for a few milliseconds, while another thread is free.
"""

import select
import threading

from gunicorn.workers.gthread import TConn, ThreadWorker

STAY = 20  # ms; a client that goes on does so well within


class StayingWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn ships no types
    """`--worker-class governance.runtime.worker.StayingWorker`."""

    def init_process(self) -> None:
        """As gunicorn, in the new process."""
        self._staying = threading.BoundedSemaphore(self.cfg.threads - 1)
        super().init_process()

    def handle(self, conn: TConn) -> object:
        """Answer a request, and those that follow it closely on the same connection; what gunicorn's own returns."""
        kept = super().handle(conn)
        while kept is True and self._next_comes(conn):
            kept = super().handle(conn)
        return kept

    def _next_comes(self, conn: TConn) -> bool:
        """Whether the next request comes, within a moment. One thread never waits, and none while others queue."""
        if conn.is_http2 or conn.parser.unreader.buf.getvalue() or not self._staying.acquire(blocking=False):
            return False
        try:
            came = select.poll()
            came.register(conn.sock, select.POLLIN)
            return bool(self.alive and self.tpool._work_queue.empty() and came.poll(STAY))
        finally:
            self._staying.release()
