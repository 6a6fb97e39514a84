// Threads: TLS, mutexes, condition variables, joining.
#include <pthread.h>
#include <stdio.h>

enum { THREADS = 8, ROUNDS = 2000 };
static __thread int counter;
static int shared, finished;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t done = PTHREAD_COND_INITIALIZER;

static void *work(void *argument) {
  for (int i = 0; i < ROUNDS; i++) {
    counter++;
    pthread_mutex_lock(&lock);
    shared++;
    pthread_mutex_unlock(&lock);
  }
  pthread_mutex_lock(&lock);
  finished++;
  pthread_cond_signal(&done);
  pthread_mutex_unlock(&lock);
  return (void *)((long)argument * 1000000 + counter);
}

int main(void) {
  pthread_t threads[THREADS];
  for (long i = 0; i < THREADS; i++)
    if (pthread_create(&threads[i], NULL, work, (void *)i)) return puts("pthread_create failed"), 1;
  pthread_mutex_lock(&lock);
  while (finished < THREADS) pthread_cond_wait(&done, &lock);
  pthread_mutex_unlock(&lock);
  for (int i = 0; i < THREADS; i++) {
    void *result;
    pthread_join(threads[i], &result);
    printf("%ld ", (long)result);
  }
  printf("\nshared %d main counter %d\n", shared, counter);
  return 0;
}
