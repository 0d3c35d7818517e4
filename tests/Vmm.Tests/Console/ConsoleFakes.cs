using System.Collections.Concurrent;
using KvmSevVmm.Vmm.Console;

namespace KvmSevVmm.Vmm.Tests.Console;

/// <summary>Standard input under the test's control.</summary>
internal sealed class ScriptedSource(bool isInteractive = true) : IConsoleSource
{
    private readonly BlockingCollection<byte[]> _pieces = [];

    public bool IsInteractive { get; } = isInteractive;

    public bool FailsAtEnd { get; init; }

    public void Type(ReadOnlySpan<byte> bytes) => _pieces.Add(bytes.ToArray());

    public int Read(Span<byte> buffer)
    {
        try
        {
            byte[] piece = _pieces.Take();
            piece.CopyTo(buffer);
            return piece.Length;
        }
        catch (InvalidOperationException) when (FailsAtEnd)
        {
            throw new IOException("input failed");
        }
        catch (InvalidOperationException)
        {
            return 0;
        }
    }

    public void Unblock() => _pieces.CompleteAdding();
}

/// <summary>A stream whose reader reads only when the test says so.</summary>
internal sealed class GatedStream : Stream
{
    private readonly ManualResetEventSlim _gate = new(initialState: true);
    private readonly MemoryStream _written = new();

    public ManualResetEventSlim IsBlocked { get; } = new();

    public Exception? Error { get; set; }

    public int Writes { get; private set; }

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public byte[] Written
    {
        get
        {
            lock (_written)
            {
                return _written.ToArray();
            }
        }
    }

    public void Block() => _gate.Reset();

    public void Unblock() => _gate.Set();

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        if (!_gate.IsSet)
        {
            IsBlocked.Set();
            _gate.Wait(TimeSpan.FromMinutes(1));
        }

        if (Error is not null)
        {
            throw Error;
        }

        lock (_written)
        {
            Writes++;
            _written.Write(buffer);
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _gate.Dispose();
            _written.Dispose();
            IsBlocked.Dispose();
        }

        base.Dispose(disposing);
    }
}

/// <summary>Waiting with a deadline that is far longer than anything should take.</summary>
internal static class Eventually
{
    public static void True(Func<bool> condition, string what)
    {
        Xunit.Assert.True(SpinWait.SpinUntil(condition, TimeSpan.FromSeconds(30)), what);
    }
}
