//! A deterministic executor: whoever tests with it decides which of the tasks that could go on does,
//! and time passes only when none can.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    future::Future,
    pin::Pin,
    rc::Rc,
    sync::{Arc, Mutex},
    task::{Context, Poll, Wake, Waker},
};

use futures::future::LocalBoxFuture;
use smolrag::port::Clock;

/// Decides between possibilities.
pub trait Choose {
    /// A number below `options`, which is at least 2.
    fn choose(&mut self, options: usize) -> usize;
}

/// Choices at random, the same for the same seed (SplitMix64).
pub struct Seeded(pub u64);

impl Choose for Seeded {
    fn choose(&mut self, options: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % options as u64) as usize
    }
}

/// One path through all choices; [`explore`] moves it on to the next.
#[derive(Default)]
pub struct Path {
    /// What was chosen, of how many.
    taken: Vec<(usize, usize)>,
    at: usize,
}

impl Choose for Path {
    fn choose(&mut self, options: usize) -> usize {
        if self.at == self.taken.len() {
            self.taken.push((0, options));
        }
        let (choice, of) = self.taken[self.at];
        assert_eq!(of, options, "the run must depend on the choices alone");
        self.at += 1;
        choice
    }
}

impl Path {
    /// Whether there is another path, depth first.
    fn advance(&mut self) -> bool {
        self.at = 0;
        while let Some((choice, options)) = self.taken.pop() {
            if choice + 1 < options {
                self.taken.push((choice + 1, options));
                return true;
            }
        }
        false
    }
}

/// Runs once for every possible sequence of choices, or until a run finds something. Returns how many
/// runs there were, and what was found.
pub fn explore<T>(mut run: impl FnMut(&Executor) -> Option<T>) -> (u64, Option<T>) {
    let path = Rc::new(RefCell::new(Path::default()));
    let mut runs = 0;
    loop {
        let found = run(&Executor::new(path.clone()));
        runs += 1;
        if found.is_some() || !path.borrow_mut().advance() {
            return (runs, found);
        }
    }
}

/// The executor. Cheap to clone, so that tasks can spawn and drop each other.
#[derive(Clone)]
pub struct Executor(Rc<Inner>);

struct Inner {
    choices: Rc<RefCell<dyn Choose>>,
    /// By number; one that is being polled is taken out.
    tasks: RefCell<BTreeMap<usize, Option<LocalBoxFuture<'static, ()>>>>,
    spawned: Cell<usize>,
    ready: Ready,
    clock: Rc<VirtualClock>,
}

type Ready = Arc<Mutex<BTreeSet<usize>>>;

/// Puts its task among those that can go on. Dropping the set forgets the task.
struct Ring {
    task: usize,
    ready: Ready,
}

impl Wake for Ring {
    fn wake(self: Arc<Self>) {
        self.ready.lock().unwrap().insert(self.task);
    }
}

impl Executor {
    /// An executor that asks `choices` which task goes on.
    pub fn new(choices: Rc<RefCell<dyn Choose>>) -> Self {
        Executor(Rc::new(Inner {
            choices,
            tasks: RefCell::default(),
            spawned: Cell::new(0),
            ready: Ready::default(),
            clock: Rc::default(),
        }))
    }

    /// An executor whose choices are random.
    pub fn seeded(seed: u64) -> Self {
        Executor::new(Rc::new(RefCell::new(Seeded(seed))))
    }

    /// The clock that the executor moves.
    pub fn clock(&self) -> Rc<dyn Clock> {
        self.0.clock.clone()
    }

    /// A choice below `options`, by whatever decides the others.
    pub fn choose(&self, options: usize) -> usize {
        if options < 2 { 0 } else { self.0.choices.borrow_mut().choose(options) }
    }

    /// Adds a task that can go on at once.
    pub fn spawn<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> Task<T> {
        let number = self.0.spawned.replace(self.0.spawned.get() + 1);
        let result = Rc::new(RefCell::new(None));
        let place = Rc::clone(&result);
        let future = async move {
            let value = future.await;
            *place.borrow_mut() = Some(value);
        };
        self.0.tasks.borrow_mut().insert(number, Some(Box::pin(future)));
        self.0.ready.lock().unwrap().insert(number);
        Task { executor: self.clone(), number, result }
    }

    /// Runs until nothing can go on any more, and returns how many tasks are stuck.
    pub fn run(&self) -> usize {
        while self.step() || self.0.clock.advance() {}
        self.0.tasks.borrow().len()
    }

    /// Polls one task that can go on, if there is one.
    fn step(&self) -> bool {
        let next = {
            let mut ready = self.0.ready.lock().unwrap();
            let choice = self.choose(ready.len());
            let next = ready.iter().nth(choice).copied();
            next.inspect(|number| _ = ready.remove(number))
        };
        let Some(number) = next else { return false };
        // Taken out while it is polled, so that the task may use the executor.
        let future = self.0.tasks.borrow_mut().get_mut(&number).and_then(Option::take);
        let Some(mut future) = future else { return true };
        let ring = Arc::new(Ring { task: number, ready: Arc::clone(&self.0.ready) });
        let poll = future.as_mut().poll(&mut Context::from_waker(&Waker::from(ring)));
        if poll.is_ready() {
            self.0.tasks.borrow_mut().remove(&number);
        } else if let Some(place) = self.0.tasks.borrow_mut().get_mut(&number) {
            *place = Some(future);
        }
        true
    }
}

/// Runs one future to its end, with the tasks it spawns.
pub fn block_on<T: 'static>(executor: &Executor, future: impl Future<Output = T> + 'static) -> T {
    let task = executor.spawn(future);
    executor.run();
    task.take().expect("the future is stuck")
}

/// A task of an [`Executor`].
pub struct Task<T> {
    executor: Executor,
    number: usize,
    result: Rc<RefCell<Option<T>>>,
}

impl<T> Task<T> {
    /// Drops the task's future where it stands. It must not be called by the task itself.
    pub fn kill(&self) {
        self.executor.0.ready.lock().unwrap().remove(&self.number);
        let future = self.executor.0.tasks.borrow_mut().remove(&self.number);
        drop(future);
    }

    /// Its result, once it has ended.
    pub fn take(&self) -> Option<T> {
        self.result.borrow_mut().take()
    }
}

/// Lets every other task that can go on do so first, or not, as the executor chooses.
pub fn step() -> impl Future<Output = ()> {
    let mut polled = false;
    std::future::poll_fn(move |context| {
        if std::mem::replace(&mut polled, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
}

/// Who sleeps until when: by time (as bits, which have the order of the numbers they stand for), then
/// by age.
type Timers = Rc<RefCell<BTreeMap<(u64, u64), Option<Waker>>>>;

/// Time that passes when nothing else can.
#[derive(Default)]
struct VirtualClock {
    now: Cell<f64>,
    timers: Timers,
    set: Cell<u64>,
}

impl VirtualClock {
    /// Goes to the next timer, if there is one.
    fn advance(&self) -> bool {
        let Some(((time, _), waker)) = self.timers.borrow_mut().pop_first() else { return false };
        self.now.set(self.now.get().max(f64::from_bits(time)));
        waker.into_iter().for_each(Waker::wake);
        true
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> f64 {
        self.now.get()
    }

    fn sleep(&self, milliseconds: f64) -> LocalBoxFuture<'static, ()> {
        let key = ((self.now.get() + milliseconds.max(0.0)).to_bits(), self.set.get());
        self.set.set(self.set.get() + 1);
        self.timers.borrow_mut().insert(key, None);
        Box::pin(Sleep { key, timers: Rc::clone(&self.timers) })
    }

    fn yield_now(&self) -> LocalBoxFuture<'static, ()> {
        Box::pin(step())
    }
}

struct Sleep {
    key: (u64, u64),
    timers: Timers,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        match self.timers.borrow_mut().get_mut(&self.key) {
            Some(waker) => {
                *waker = Some(context.waker().clone());
                Poll::Pending
            }
            None => Poll::Ready(()),
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.timers.borrow_mut().remove(&self.key);
    }
}
