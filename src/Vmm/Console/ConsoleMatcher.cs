using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;

namespace KvmSevVmm.Vmm.Console;

/// <summary>Waits for a regular expression in the guest's console (<c>--until</c>).</summary>
/// <remarks>
/// <para>It looks at text as a reader sees it: UTF-8 decoded (what is invalid becomes U+FFFD), escape sequences and carriage returns taken
/// out, one line at a time, and the line that has begun too, so that a prompt matches. <c>$</c> therefore also matches at the end of what
/// has arrived so far.</para>
/// <para>A line may be longer than <see cref="MaxLineLength"/>: then its older half is forgotten, so a match of up to half that length is
/// found anywhere in it, and <c>^</c> still means the line's true start. Fed from one thread; the properties may be read from any.</para>
/// </remarks>
public sealed class ConsoleMatcher
{
    /// <summary>Characters of a line that are looked at together.</summary>
    public const int MaxLineLength = 4096;

    private const int PieceSize = 1024;
    private static readonly TimeSpan BacktrackingLimit = TimeSpan.FromSeconds(1);

    private readonly Regex _regex;
    private readonly Action _matched;
    private readonly ConsoleTextFilter _filter = new();
    private readonly Decoder _decoder = Encoding.UTF8.GetDecoder();
    private readonly byte[] _bytes = new byte[PieceSize];
    private readonly char[] _chars = new char[Encoding.UTF8.GetMaxCharCount(PieceSize)];
    private readonly char[] _line = new char[MaxLineLength];
    private int _lineLength;
    private bool _isLineCut;
    private long _matchTimestamp;
    private string? _matchedLine;
    private long _givenUpCount;

    /// <summary>Compiles the expression.</summary>
    /// <param name="pattern">A .NET regular expression.</param>
    /// <param name="matched">Called once, at the first match, on the thread that feeds; short.</param>
    /// <exception cref="InvalidInputException">The pattern is no regular expression.</exception>
    public ConsoleMatcher(string pattern, Action matched)
    {
        _matched = matched;
        try
        {
            _regex = Compile(pattern);
        }
        catch (ArgumentException e)
        {
            throw new InvalidInputException("--until", "regular expression", e.Message.TrimEnd('.'), e);
        }
    }

    /// <summary>When the match was found, as <see cref="Stopwatch.GetTimestamp"/>; 0 before.</summary>
    public long MatchTimestamp => Interlocked.Read(ref _matchTimestamp);

    /// <summary>Whether the expression has matched.</summary>
    public bool HasMatched => MatchTimestamp != 0;

    /// <summary>The line that matched, as far as it had arrived; null before.</summary>
    public string? MatchedLine => Volatile.Read(ref _matchedLine);

    /// <summary>How often a look at a line was given up after one second, which only an expression with lookarounds or back-references
    /// can bring about. Worth a warning: the match may have been there.</summary>
    public long GivenUpCount => Interlocked.Read(ref _givenUpCount);

    /// <summary>Takes the next piece of console output.</summary>
    /// <param name="output">Any number of bytes, cut anywhere.</param>
    public void Feed(ReadOnlySpan<byte> output)
    {
        while (!output.IsEmpty && !HasMatched)
        {
            ReadOnlySpan<byte> piece = output[..Math.Min(output.Length, PieceSize)];
            output = output[piece.Length..];
            int byteCount = _filter.Filter(piece, _bytes);
            int charCount = _decoder.GetChars(_bytes.AsSpan(0, byteCount), _chars, flush: false);
            Append(_chars.AsSpan(0, charCount));
        }

        if (_lineLength > 0)
        {
            Look();
        }
    }

    private static Regex Compile(string pattern)
    {
        try
        {
            // The guest chooses the text: without backtracking its cost is linear, whatever the expression. No time limit then: on a busy
            // host it would lose matches.
            return new Regex(pattern, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant, Regex.InfiniteMatchTimeout);
        }
        catch (NotSupportedException)
        {
            // Lookarounds and back-references need backtracking; the time limit then bounds what the guest can cost.
            return new Regex(pattern, RegexOptions.CultureInvariant, BacktrackingLimit);
        }
    }

    private void Append(ReadOnlySpan<char> text)
    {
        while (!text.IsEmpty && !HasMatched)
        {
            int lineFeed = text.IndexOf('\n');
            AppendToLine(lineFeed < 0 ? text : text[..lineFeed]);
            if (lineFeed < 0)
            {
                return;
            }

            Look();
            _lineLength = 0;
            _isLineCut = false;
            text = text[(lineFeed + 1)..];
        }
    }

    private void AppendToLine(ReadOnlySpan<char> text)
    {
        while (!text.IsEmpty)
        {
            if (_lineLength == MaxLineLength)
            {
                Look();
                _line.AsSpan(MaxLineLength / 2).CopyTo(_line);
                _lineLength = MaxLineLength / 2;
                _isLineCut = true;
            }

            int count = Math.Min(text.Length, MaxLineLength - _lineLength);
            text[..count].CopyTo(_line.AsSpan(_lineLength));
            _lineLength += count;
            text = text[count..];
        }
    }

    private void Look()
    {
        if (HasMatched)
        {
            return;
        }

        ReadOnlySpan<char> line = _line.AsSpan(0, _lineLength);
        try
        {
            // The first character of a cut line is only context: it is not the line's start.
            if (!_regex.IsMatch(line, _isLineCut ? 1 : 0))
            {
                return;
            }
        }
        catch (RegexMatchTimeoutException)
        {
            Interlocked.Increment(ref _givenUpCount);
            return;
        }

        Volatile.Write(ref _matchedLine, new string(line));
        Interlocked.Exchange(ref _matchTimestamp, Stopwatch.GetTimestamp());
        _matched();
    }
}
