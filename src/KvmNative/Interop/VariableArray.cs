using System.Runtime.InteropServices;

namespace KvmSevVmm.KvmNative.Interop;

/// <summary>A structure of the kernel that ends in an array: one block of native memory with header and entries.</summary>
/// <typeparam name="THeader">The fixed part.</typeparam>
/// <typeparam name="TEntry">One entry.</typeparam>
internal sealed unsafe class VariableArray<THeader, TEntry> : IDisposable
    where THeader : unmanaged
    where TEntry : unmanaged
{
    private readonly int _capacity;
    private void* _block;

    /// <summary>Makes a zeroed structure.</summary>
    /// <param name="capacity">The number of entries there is room for.</param>
    internal VariableArray(int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(capacity);
        _capacity = capacity;
        _block = NativeMemory.AllocZeroed((nuint)sizeof(THeader) + ((nuint)capacity * (nuint)sizeof(TEntry)));
    }

    /// <summary>The address for the ioctl; valid until <see cref="Dispose"/>.</summary>
    internal nuint Address => (nuint)_block;

    /// <summary>The fixed part.</summary>
    internal ref THeader Header
    {
        get
        {
            ObjectDisposedException.ThrowIf(_block is null, this);

            // SAFETY: the block starts with a header and lives until Dispose.
            return ref *(THeader*)_block;
        }
    }

    /// <summary>All entries.</summary>
    internal Span<TEntry> Entries
    {
        get
        {
            ObjectDisposedException.ThrowIf(_block is null, this);

            // SAFETY: _capacity entries follow the header in the block, which lives until Dispose. Natural alignment holds: the
            // kernel declares these entries right behind their header.
            return new Span<TEntry>((byte*)_block + sizeof(THeader), _capacity);
        }
    }

    /// <summary>Gives the memory back.</summary>
    public void Dispose()
    {
        void* block = _block;
        _block = null;

        // SAFETY: allocated by AllocZeroed above and freed once; Free(null) does nothing.
        NativeMemory.Free(block);
    }
}
