using KvmSevVmm.KvmNative;
using KvmSevVmm.Vmm.Console;

namespace KvmSevVmm.Cli.Commands;

/// <summary>Standard input as the console's input, with an eventfd that ends the waiting.</summary>
internal sealed class StandardInputSource : IConsoleSource, IDisposable
{
    private const int StandardInput = 0;
    private const int Forever = -1;
    private readonly EventFd _stop = EventFd.Create();
    private volatile bool _isStopped;

    /// <inheritdoc/>
    public bool IsInteractive { get; } = TerminalMode.IsTerminal(StandardInput);

    /// <inheritdoc/>
    public int Read(Span<byte> buffer)
    {
        while (!_isStopped)
        {
            if (NativeFile.WaitReadable(StandardInput, _stop, Forever))
            {
                int count = NativeFile.Read(StandardInput, buffer);
                if (count >= 0)
                {
                    return count;
                }
            }
        }

        return 0;
    }

    /// <inheritdoc/>
    public void Unblock()
    {
        _isStopped = true;
        _stop.Signal();
    }

    /// <inheritdoc/>
    public void Dispose() => _stop.Dispose();
}
